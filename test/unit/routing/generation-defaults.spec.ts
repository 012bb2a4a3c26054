import { describe, expect, it } from '@jest/globals';
import { withDefaults } from '../../../src/routing/generation-defaults.js';

describe('withDefaults', () => {
  it('gives back the very same request where there is nothing to add', () => {
    const request = {
      contents: [],
      generationConfig: { temperature: 0, thinkingConfig: { thinkingBudget: 0 } },
    };
    expect(withDefaults(request)).toBe(request);
    expect(withDefaults(request, undefined, {})).toBe(request);
    expect(withDefaults(request, { temperature: 1, thinkingLevel: 'HIGH' })).toBe(request);
  });

  it('sets what the caller left open, the first source before the second', () => {
    const request = { contents: [], unknown: 1, generationConfig: { topK: 5, unknownSetting: 2 } };
    const before = structuredClone(request);
    expect(
      withDefaults(request, { temperature: 0.1, topK: 9 }, { temperature: 0.9, maxOutputTokens: 10 }),
    ).toEqual({
      contents: [],
      unknown: 1,
      generationConfig: { topK: 5, unknownSetting: 2, temperature: 0.1, maxOutputTokens: 10 },
    });
    expect(request).toEqual(before);
  });

  it('makes a generationConfig where there is none, and a thinkingConfig of the level', () => {
    expect(withDefaults({ contents: [] }, { thinkingLevel: 'LOW', topP: 0.5 })).toEqual({
      contents: [],
      generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' }, topP: 0.5 },
    });
  });
});
