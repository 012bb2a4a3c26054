import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { camelCased } from '../../../../src/transport/http/proto-json.js';

const VALUE: JsonObject = { snake_key: { deep_key: [{ deeper_key: 1 }] }, type_: 'OBJECT' };

describe('camelCased', () => {
  it('gives back the very same object where nothing was to be renamed', () => {
    const request = {
      contents: [{ role: 'user', parts: [{ functionCall: { name: 'f', args: VALUE } }, { text: 'a_b' }] }],
      generationConfig: { responseSchema: VALUE, stopSequences: ['a_b'] },
      unknownField: VALUE,
    };
    expect(camelCased(request)).toBe(request);
  });

  it('renames the fields of every message of Gemini’s', () => {
    const part = {
      inline_data: { mime_type: 'a/b', data: 'AA==' },
      thought_signature: 's',
      video_metadata: { start_offset: '1s' },
    };
    expect(
      camelCased({
        contents: [{ parts: [part, { file_data: { file_uri: 'u', mime_type: 'a/b' } }] }],
        system_instruction: { parts: [part] },
        tools: [{ function_declarations: [{ name: 'f', parameters_json_schema: VALUE }] }],
        tool_config: { function_calling_config: { allowed_function_names: ['a_b'] } },
        safety_settings: [{ category: 'HARM_CATEGORY_HARASSMENT' }],
        generation_config: { top_k: 5, max_output_tokens: 7, thinking_config: { include_thoughts: true } },
        cached_content: 'cachedContents/a_b',
      }),
    ).toEqual({
      contents: [
        {
          parts: [
            {
              inlineData: { mimeType: 'a/b', data: 'AA==' },
              thoughtSignature: 's',
              videoMetadata: { startOffset: '1s' },
            },
            { fileData: { fileUri: 'u', mimeType: 'a/b' } },
          ],
        },
      ],
      systemInstruction: {
        parts: [
          {
            inlineData: { mimeType: 'a/b', data: 'AA==' },
            thoughtSignature: 's',
            videoMetadata: { startOffset: '1s' },
          },
        ],
      },
      tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: VALUE }] }],
      toolConfig: { functionCallingConfig: { allowedFunctionNames: ['a_b'] } },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT' }],
      generationConfig: { topK: 5, maxOutputTokens: 7, thinkingConfig: { includeThoughts: true } },
      cachedContent: 'cachedContents/a_b',
    });
  });

  it('renames within embeddings and the wrapped request as well', () => {
    expect(
      camelCased({
        requests: [{ content: { parts: [{ inline_data: {} }] }, task_type: 'X', output_dimensionality: 3 }],
        generate_content_request: { system_instruction: { parts: [{ file_data: {} }] } },
      }),
    ).toEqual({
      requests: [{ content: { parts: [{ inlineData: {} }] }, taskType: 'X', outputDimensionality: 3 }],
      generateContentRequest: { systemInstruction: { parts: [{ fileData: {} }] } },
    });
  });

  it('never renames within arguments, responses, schemas and fields that nobody knows', () => {
    const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
    const named = fc.dictionary(fc.constantFrom('a_b', '__proto__', 'constructor', 'x_1', 'plain'), json);
    fc.assert(
      fc.property(named, (inner) => {
        const given = JSON.parse(JSON.stringify(inner)) as JsonObject;
        const renamed = camelCased({
          contents: [
            {
              parts: [
                { function_call: { name: 'a_b', args: given } },
                { functionResponse: { name: 'a_b', response: given } },
              ],
            },
          ],
          tools: [{ functionDeclarations: [{ name: 'a_b', parameters: given }] }],
          generationConfig: { response_schema: given, responseJsonSchema: given },
          constructor: given,
          labels: given,
        });
        expect(renamed).toEqual({
          contents: [
            {
              parts: [
                { functionCall: { name: 'a_b', args: given } },
                { functionResponse: { name: 'a_b', response: given } },
              ],
            },
          ],
          tools: [{ functionDeclarations: [{ name: 'a_b', parameters: given }] }],
          generationConfig: { responseSchema: given, responseJsonSchema: given },
          constructor: given,
          labels: given,
        });
      }),
    );
  });

  it('bears whatever stands where a message should', () => {
    const odd: JsonValue[] = [null, 7, 'a_b', [null, 7, ['a_b']], {}];
    for (const value of odd)
      expect(camelCased({ contents: value, generation_config: value })).toEqual({
        contents: value,
        generationConfig: value,
      });
  });
});
