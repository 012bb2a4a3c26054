import { describe, expect, it } from '@jest/globals';
import { camelCased } from '../../../src/emulator/proto-json.js';

describe('camelCased', () => {
  it('reads the snake_case form of Google’s fields at every level', () => {
    const request = {
      system_instruction: { parts: [{ text: 'a' }] },
      contents: [{ parts: [{ inline_data: { mime_type: 'image/png', data: 'AA' } }] }],
      generation_config: { max_output_tokens: 3, thinking_config: { thinking_budget: 0 } },
    };
    expect(camelCased(request)).toEqual({
      systemInstruction: { parts: [{ text: 'a' }] },
      contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'AA' } }] }],
      generationConfig: { maxOutputTokens: 3, thinkingConfig: { thinkingBudget: 0 } },
    });
  });

  it('leaves names alone that are the caller’s own', () => {
    const request = {
      x_own: 1,
      contents: [{ parts: [{ functionCall: { args: { mime_type: 'x' } }, my_mark: 1 }] }],
      generationConfig: { responseJsonSchema: { properties: { file_uri: {} } } },
    };
    expect(camelCased(request)).toBe(request);
  });

  it('survives any depth', () => {
    const deep = JSON.parse(`{"contents":${'['.repeat(100_000)}${']'.repeat(100_000)}}`) as object;
    expect(camelCased({ ...deep })).toHaveProperty('contents');
  });
});
