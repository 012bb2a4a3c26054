import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../../src/core/combinators.js';
import type { ChunkEvent } from '../../../../src/core/generation.js';
import { unlessPromptBlocked } from '../../../../src/transport/openai-api/first-event.js';
import { chunkFixture, finishFixture, generationOf, HANG, usageFixture } from '../../../helpers/calls.js';

const BLOCK: ChunkEvent = { type: 'chunk', value: { promptFeedback: { blockReason: 'SAFETY' } } };

describe('unlessPromptBlocked', () => {
  it('gives the same events where the answer begins', async () => {
    const script = [chunkFixture('one'), chunkFixture('two'), finishFixture()];
    const generation = generationOf(script);
    const passed = await unlessPromptBlocked(generation);
    expect(passed.head).toBe(generation.head);
    expect(generation.source.nexts).toBe(1);
    expect(await collect(passed)).toEqual({ chunks: script.slice(0, 2), finish: script[2] });
  });

  it('reads a blocked prompt to its end and throws, with what it cost', async () => {
    const usage = usageFixture(9, 0);
    const generation = generationOf([
      BLOCK,
      finishFixture({ verdict: 'blocked', finishReason: 'SAFETY', usage }),
    ]);
    await expect(unlessPromptBlocked(generation)).rejects.toMatchObject({
      reason: 'SAFETY_BLOCKED',
      usage,
      metadata: { upstreamReason: 'SAFETY' },
    });
    expect(generation.source.nexts).toBe(2);
  });

  it('passes an answer on that ends at once', async () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    expect(await collect(await unlessPromptBlocked(generationOf([finish])))).toEqual({ chunks: [], finish });
  });

  it('cancels the source when its reader leaves', async () => {
    const generation = generationOf([chunkFixture('one'), HANG]);
    const passed = await unlessPromptBlocked(generation);
    for await (const _event of passed.events) break;
    expect(generation.source.returns).toBe(1);
  });
});
