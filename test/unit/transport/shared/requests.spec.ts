import { describe, expect, it } from '@jest/globals';
import {
  countTokensRequest,
  embedRequest,
  generateRequest,
  metadataOf,
} from '../../../../src/transport/shared/requests.js';

describe('generateRequest', () => {
  it('makes a message of a prompt, media before it', () => {
    expect(
      generateRequest({
        prompt: 'What is this?',
        media: [
          { mimeType: 'image/png', data: 'AA==' },
          { mimeType: 'video/mp4', uri: 'gs://a/b' },
        ],
      }),
    ).toEqual({
      contents: [
        {
          role: 'user',
          parts: [
            { inlineData: { mimeType: 'image/png', data: 'AA==' } },
            { fileData: { mimeType: 'video/mp4', fileUri: 'gs://a/b' } },
            { text: 'What is this?' },
          ],
        },
      ],
    });
  });

  it('passes contents and everything of Gemini’s own shape through', () => {
    const body = {
      contents: [{ role: 'user', parts: [{ unknown: 1 }], unknown: 2 }],
      tools: [{ functionDeclarations: [] }],
      toolConfig: { functionCallingConfig: {} },
      safetySettings: [{ category: 'a' }],
      cachedContent: 'cachedContents/1',
    };
    const request = generateRequest({ ...body, system: 'Be brief.' });
    expect(request).toEqual({ ...body, systemInstruction: { parts: [{ text: 'Be brief.' }] } });
    expect(request['contents']).toBe(body.contents);
  });

  it('gathers settings, thinking and schema', () => {
    const generation = { temperature: 0, thinkingLevel: 'LOW', thinkingBudget: 0, includeThoughts: false };
    expect(
      generateRequest({ prompt: 'x', generation, schema: { type: 'object' } })['generationConfig'],
    ).toEqual({
      temperature: 0,
      thinkingConfig: { thinkingLevel: 'LOW', thinkingBudget: 0, includeThoughts: false },
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
    });
    expect(generateRequest({ prompt: 'x', generation: { topK: 1 } })['generationConfig']).toEqual({
      topK: 1,
    });
  });
});

describe('countTokensRequest', () => {
  it('wraps all that counts beside the contents', () => {
    const contents = [{ role: 'user', parts: [{ text: 'x' }] }];
    expect(countTokensRequest({ prompt: 'x' })).toEqual({ contents });
    expect(countTokensRequest({ prompt: 'x', system: 's' })).toEqual({
      generateContentRequest: { contents, systemInstruction: { parts: [{ text: 's' }] } },
    });
  });
});

describe('embedRequest', () => {
  it('makes one request of each text', () => {
    expect(embedRequest({ texts: ['a', 'b'], taskType: 'T', dimensions: 3 })).toEqual({
      requests: ['a', 'b'].map((text) => ({
        content: { parts: [{ text }] },
        taskType: 'T',
        outputDimensionality: 3,
      })),
    });
    expect(embedRequest({ texts: ['a'] })).toEqual({ requests: [{ content: { parts: [{ text: 'a' }] } }] });
  });
});

describe('metadataOf', () => {
  it('has what is there', () => {
    expect(metadataOf({})).toEqual({});
    expect(metadataOf({ feature: 'f', tags: { a: 'b' } })).toEqual({ feature: 'f', tags: { a: 'b' } });
  });
});
