import { describe, expect, it } from '@jest/globals';
import type { UsageMetadata } from '../../../src/core/gemini-wire.js';
import { addUsage, NO_USAGE, usageFrom } from '../../../src/core/usage.js';

describe('usageFrom', () => {
  it('is nothing for absent counts', () => {
    expect(usageFrom(undefined)).toBe(NO_USAGE);
    expect(usageFrom({})).toEqual(NO_USAGE);
    expect(Object.isFrozen(NO_USAGE)).toBe(true);
  });

  it('keeps cached tokens within the input and sums all the others', () => {
    const usage = usageFrom({
      promptTokenCount: 12_013,
      cachedContentTokenCount: 11_243,
      toolUsePromptTokenCount: 4,
      candidatesTokenCount: 15,
      thoughtsTokenCount: 73,
      totalTokenCount: 1,
    });
    expect(usage).toEqual({
      inputTokens: 12_013,
      cachedTokens: 11_243,
      toolUseTokens: 4,
      outputTokens: 15,
      thoughtsTokens: 73,
      totalTokens: 12_105,
    });
  });

  it('reads what is no count as zero', () => {
    const odd = { promptTokenCount: -1, candidatesTokenCount: '5', thoughtsTokenCount: Number.NaN };
    expect(usageFrom(odd as unknown as UsageMetadata)).toEqual(NO_USAGE);
    expect(usageFrom({ promptTokenCount: Number.POSITIVE_INFINITY }).inputTokens).toBe(0);
  });

  it('tells modalities apart for each kind of token, adding up repeated ones', () => {
    const usage = usageFrom({
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 2 },
        { modality: 'IMAGE', tokenCount: 258 },
        { modality: 'TEXT', tokenCount: 3 },
      ],
      cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 1 }],
      candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 9 }],
      toolUsePromptTokensDetails: [{ tokenCount: 4 }, { modality: 'TEXT' }],
    });
    expect(usage.byModality).toEqual({
      input: { TEXT: 5, IMAGE: 258 },
      cached: { TEXT: 1 },
      output: { AUDIO: 9 },
      toolUse: { UNSPECIFIED: 4, TEXT: 0 },
    });
  });

  it('leaves out kinds without details, and survives malformed ones', () => {
    expect(usageFrom({ candidatesTokensDetails: [{ modality: 'TEXT', tokenCount: 1 }] }).byModality).toEqual({
      output: { TEXT: 1 },
    });
    expect(usageFrom({ promptTokensDetails: [] })).not.toHaveProperty('byModality');
    const odd = { promptTokensDetails: [null, 'x'], cacheTokensDetails: 7 };
    expect(usageFrom(odd as unknown as UsageMetadata).byModality).toEqual({ input: { UNSPECIFIED: 0 } });
  });
});

describe('addUsage', () => {
  it('adds each kind of token', () => {
    const one = {
      inputTokens: 1,
      cachedTokens: 2,
      toolUseTokens: 3,
      outputTokens: 4,
      thoughtsTokens: 5,
      totalTokens: 6,
      byModality: { input: { TEXT: 1 } },
    };
    const other = {
      inputTokens: 10,
      cachedTokens: 20,
      toolUseTokens: 30,
      outputTokens: 40,
      thoughtsTokens: 50,
      totalTokens: 60,
    };
    expect(addUsage(one, other)).toEqual({
      inputTokens: 11,
      cachedTokens: 22,
      toolUseTokens: 33,
      outputTokens: 44,
      thoughtsTokens: 55,
      totalTokens: 66,
    });
  });
});
