import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../../src/core/json.js';
import { usageFrom } from '../../../../src/core/usage.js';
import { chatUsage, responseUsage } from '../../../../src/transport/openai-api/usage.mapper.js';

const count = fc.integer({ min: 0, max: 2_000_000 });
/** Counts as Google writes them: cached tokens are inside the prompt's. */
const metadata = fc
  .record({
    promptTokenCount: count,
    candidatesTokenCount: count,
    thoughtsTokenCount: count,
    toolUsePromptTokenCount: count,
    cached: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ cached, ...counts }) => ({
    ...counts,
    cachedContentTokenCount: Math.floor(counts.promptTokenCount * cached),
  }));

describe('tokens in OpenAI’s words', () => {
  it('add up in both of its APIs, and are Google’s', () => {
    fc.assert(
      fc.property(metadata, (counts) => {
        const usage = usageFrom(counts);
        const chat = chatUsage(usage) as Record<string, number>;
        const response = responseUsage(usage) as Record<string, number>;
        const details = chatUsage(usage) as Record<string, JsonObject>;
        expect(chat['total_tokens']).toBe(chat['prompt_tokens']! + chat['completion_tokens']!);
        expect(chat['total_tokens']).toBe(usage.totalTokens);
        expect(chat['prompt_tokens']).toBe(counts.promptTokenCount + counts.toolUsePromptTokenCount);
        expect(chat['completion_tokens']).toBe(counts.candidatesTokenCount + counts.thoughtsTokenCount);
        const reasoning = details['completion_tokens_details']?.['reasoning_tokens'];
        const cached = details['prompt_tokens_details']?.['cached_tokens'];
        expect([reasoning, cached]).toEqual([counts.thoughtsTokenCount, counts.cachedContentTokenCount]);
        expect(reasoning).toBeLessThanOrEqual(chat['completion_tokens']!);
        expect(cached).toBeLessThanOrEqual(chat['prompt_tokens']!);
        expect(response).toEqual({
          input_tokens: chat['prompt_tokens'],
          input_tokens_details: { cached_tokens: cached },
          output_tokens: chat['completion_tokens'],
          output_tokens_details: { reasoning_tokens: reasoning },
          total_tokens: chat['total_tokens'],
        });
      }),
    );
  });

  it('tell how much of it was sound', () => {
    const usage = usageFrom({
      promptTokenCount: 40,
      promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 32 }],
      candidatesTokenCount: 5,
      candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 4 }],
    });
    expect(chatUsage(usage)).toMatchObject({
      prompt_tokens_details: { audio_tokens: 32 },
      completion_tokens_details: { audio_tokens: 4 },
    });
  });
});
