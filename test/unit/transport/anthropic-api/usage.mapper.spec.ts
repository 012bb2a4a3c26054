import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../../src/core/json.js';
import { usageFrom } from '../../../../src/core/usage.js';
import {
  deltaUsage,
  messageUsage,
  tokenCount,
} from '../../../../src/transport/anthropic-api/usage.mapper.js';
import { finishFixture } from '../../../helpers/calls.js';

const count = fc.integer({ min: 0, max: 2_000_000 });

describe('tokens in Anthropic’s words', () => {
  it('add up to Google’s total, cached ones apart, and are the same at the end of a stream', () => {
    fc.assert(
      fc.property(count, count, count, count, fc.double({ min: 0, max: 1, noNaN: true }), (...counts) => {
        const [promptTokenCount, candidatesTokenCount, thoughtsTokenCount, toolUsePromptTokenCount, part] =
          counts;
        const cachedContentTokenCount = Math.floor(promptTokenCount * part);
        const usage = usageFrom({
          promptTokenCount,
          candidatesTokenCount,
          thoughtsTokenCount,
          toolUsePromptTokenCount,
          cachedContentTokenCount,
        });
        expect(messageUsage(usage, 'standard')).toEqual({
          input_tokens: promptTokenCount - cachedContentTokenCount + toolUsePromptTokenCount,
          cache_read_input_tokens: cachedContentTokenCount,
          cache_creation_input_tokens: 0,
          cache_creation: null,
          output_tokens: candidatesTokenCount + thoughtsTokenCount,
          output_tokens_details: { thinking_tokens: thoughtsTokenCount },
          server_tool_use: null,
          inference_geo: null,
          service_tier: 'standard',
          speed: null,
        });
        const delta = deltaUsage(usage) as Record<string, number>;
        expect(messageUsage(usage, null)).toMatchObject(delta);
        expect(delta['input_tokens']! + delta['cache_read_input_tokens']! + delta['output_tokens']!).toBe(
          usage.totalTokens,
        );
      }),
    );
  });

  it('are never less than none, whatever Google says was cached', () => {
    const usage = usageFrom({ promptTokenCount: 5, cachedContentTokenCount: 9 });
    expect(deltaUsage(usage)).toMatchObject({ input_tokens: 0, cache_read_input_tokens: 5 });
  });

  it('are counted upstream, or not at all', () => {
    const counted = (value: JsonObject) =>
      tokenCount({ chunks: [{ type: 'chunk', value }], finish: finishFixture() });
    expect(counted({ totalTokens: 7 })).toEqual({ input_tokens: 7 });
    expect(() => counted({})).toThrow(expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }));
  });
});
