import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { toChatRequest } from '../../../../src/providers/openai-compatible/chat-request.mapper.js';
import { attemptFixture } from '../../../helpers/attempts.js';

const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];

function body(request: JsonObject, stream = false): JsonObject {
  return toChatRequest(
    attemptFixture({ request: { contents, ...request }, stream }),
    'max_completion_tokens',
  );
}

const configured = (generationConfig: JsonObject): JsonObject => body({ generationConfig });

function refusedField(request: JsonObject): unknown {
  try {
    body(request);
  } catch (thrown) {
    const { field } = (thrown as { metadata: { field: string } }).metadata;
    const mistaken = field === 'contents' || field === 'generationConfig';
    expect(thrown).toMatchObject({ reason: mistaken ? 'INVALID_REQUEST' : 'UNIMPLEMENTED' });
    return field;
  }
  return undefined;
}

describe('toChatRequest', () => {
  it('asks the model for an answer, and adds nothing that was not asked for', () => {
    expect(JSON.parse(JSON.stringify(body({ model: 'models/x', labels: { team: 'a' } })))).toEqual({
      model: 'some-model',
      messages: [{ role: 'user', content: 'Hello' }],
    });
  });

  it('asks for token counts in a stream', () => {
    expect(body({}, true)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  it('maps the settings of a generation', () => {
    const generationConfig = {
      temperature: 0,
      topP: 0.9,
      candidateCount: 2,
      stopSequences: ['END'],
      seed: 7,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      maxOutputTokens: 100,
      responseModalities: ['TEXT'],
      responseMimeType: 'text/plain',
      thinkingConfig: { includeThoughts: false, thinkingBudget: -1 },
    };
    expect(configured(generationConfig)).toEqual({
      model: 'some-model',
      messages: [{ role: 'user', content: 'Hello' }],
      temperature: 0,
      top_p: 0.9,
      n: 2,
      stop: ['END'],
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      max_completion_tokens: 100,
    });
  });

  it('names the bound on output as the upstream does', () => {
    const attempt = attemptFixture({ request: { contents, generationConfig: { maxOutputTokens: 5 } } });
    expect(toChatRequest(attempt, 'max_tokens')).toMatchObject({ max_tokens: 5 });
    expect(toChatRequest(attempt, 'max_tokens')).not.toHaveProperty('max_completion_tokens');
  });

  it.each([
    ['MINIMAL', 'minimal'],
    ['LOW', 'low'],
    ['MEDIUM', 'medium'],
    ['high', 'high'],
  ])('maps thinking level %s to effort %s', (thinkingLevel, effort) => {
    expect(configured({ thinkingConfig: { thinkingLevel } })).toMatchObject({ reasoning_effort: effort });
  });

  it('asks for JSON, by a schema where there is one', () => {
    const responseMimeType = 'application/json';
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    expect(configured({ responseMimeType })).toMatchObject({ response_format: { type: 'json_object' } });
    const format = { type: 'json_schema', json_schema: { name: 'response', schema } };
    expect(configured({ responseMimeType, responseJsonSchema: schema })).toMatchObject({
      response_format: format,
    });
    const ordered = { ...schema, propertyOrdering: ['a'] };
    expect(configured({ responseMimeType, responseJsonSchema: ordered })).toHaveProperty(
      'response_format',
      format,
    );
    const responseSchema = { type: 'OBJECT', properties: { a: { type: 'STRING' } } };
    expect(configured({ responseMimeType, responseSchema })).toMatchObject({ response_format: format });
  });

  it.each<[string, JsonObject]>([
    ['cachedContent', { cachedContent: 'cachedContents/1' }],
    ['safetySettings', { safetySettings: [] }],
    ['someNewField', { someNewField: 1 }],
    ['contents', { contents: 'Hello' }],
    ['generationConfig', { generationConfig: 'hot' }],
    ['generationConfig.topK', { generationConfig: { topK: 4 } }],
    ['generationConfig.responseMimeType', { generationConfig: { responseMimeType: 'text/x.enum' } }],
    ['generationConfig.responseModalities', { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } }],
    [
      'generationConfig.thinkingConfig.includeThoughts',
      { generationConfig: { thinkingConfig: { includeThoughts: true } } },
    ],
    [
      'generationConfig.thinkingConfig.thinkingBudget',
      { generationConfig: { thinkingConfig: { thinkingBudget: 100 } } },
    ],
    [
      'generationConfig.thinkingConfig.thinkingLevel',
      { generationConfig: { thinkingConfig: { thinkingLevel: 'TURBO' } } },
    ],
    ['generationConfig.thinkingConfig.other', { generationConfig: { thinkingConfig: { other: 1 } } }],
  ])('refuses what it cannot map by name: %s', (field, request) => {
    expect(refusedField(request)).toBe(field);
  });
});
