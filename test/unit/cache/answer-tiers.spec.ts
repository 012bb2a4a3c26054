import { describe, expect, it } from '@jest/globals';
import { AnswerTiers } from '../../../src/cache/answer-tiers.js';
import { CacheStats } from '../../../src/cache/cache-stats.js';
import type { CacheStore } from '../../../src/cache/cache-store.port.js';
import { Invalidations } from '../../../src/cache/invalidations.js';
import { bytesOf, type StoredAnswer } from '../../../src/cache/stored-answer.js';
import { UnreadableAnswer } from '../../../src/cache/unreadable-answer.js';
import { MemoryCacheStore } from '../../../src/storage/memory/memory-cache-store.js';
import { MemoryInvalidationLog } from '../../../src/storage/memory/memory-invalidation-log.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { storedAnswer } from './stored-answers.js';

/** What replicas share, as a test wants it to behave. */
class SharedStore implements CacheStore<StoredAnswer> {
  readonly kept = new Map<string, StoredAnswer>();
  readonly ttls: number[] = [];
  failure: Error | undefined;
  held: Promise<void> = Promise.resolve();

  async get(key: string) {
    if (this.failure !== undefined) throw this.failure;
    return this.kept.get(key);
  }
  async set(key: string, value: StoredAnswer, ttlMs: number) {
    await this.held;
    if (this.failure !== undefined) throw this.failure;
    this.ttls.push(ttlMs);
    this.kept.set(key, value);
  }
  async delete(key: string) {
    this.kept.delete(key);
  }
}

async function setUp() {
  const clock = new ManualClock(0);
  const stats = new CacheStats();
  const shared = new SharedStore();
  const log = new MemoryInvalidationLog();
  const invalidations = new Invalidations({ log, clock, pollMs: 400, stats });
  const stamp = await invalidations.stamp();
  const memory = new MemoryCacheStore<StoredAnswer>({ maxBytes: 1_000_000, bytesOf, clock });
  const tiers = new AnswerTiers({ memory, shared, invalidations, clock, stats });
  const answerOf = (overrides: Partial<StoredAnswer> = {}) => storedAnswer({ ...stamp, ...overrides });
  return { clock, stats, shared, memory, tiers, answerOf, invalidations };
}

describe('AnswerTiers', () => {
  it('keeps an answer in both for as long as it may be given to anybody', async () => {
    const { tiers, shared, answerOf, clock } = await setUp();
    const answer = answerOf({ ttlMs: 1_000, staleIfErrorMs: 5_000, staleWhileRevalidateMs: 3_000 });
    await tiers.keep('k', answer);
    expect(shared.ttls).toEqual([6_000]);
    clock.advance(5_999);
    expect(await tiers.find('k')).toMatchObject({ answer, tier: 'memory' });
    clock.advance(1);
    expect(await tiers.find('k')).toBeUndefined();
  });

  it('takes what another replica stored into its own memory, for the rest of its time', async () => {
    const { tiers, shared, memory, answerOf, clock } = await setUp();
    shared.kept.set('k', answerOf({ ttlMs: 1_000 }));
    clock.advance(400);
    expect((await tiers.find('k'))?.tier).toBe('redis');
    shared.kept.clear();
    expect((await tiers.find('k'))?.tier).toBe('memory');
    clock.advance(600);
    expect(await memory.get('k')).toBeUndefined();
  });

  it('prefers what another replica renewed to its own stale answer', async () => {
    const { tiers, shared, answerOf, clock } = await setUp();
    await tiers.keep('k', answerOf({ ttlMs: 1_000, staleIfErrorMs: 60_000 }));
    clock.advance(2_000);
    expect((await tiers.find('k'))?.answer.tag).toBe('tag-1');
    shared.kept.set('k', answerOf({ tag: 'tag-2', storedAtMs: 2_000 }));
    expect((await tiers.find('k'))?.answer.tag).toBe('tag-2');
  });

  it('does not ask Redis where its own answer is fresh', async () => {
    const { tiers, shared, answerOf } = await setUp();
    await tiers.keep('k', answerOf());
    shared.failure = new Error('away');
    expect((await tiers.find('k'))?.tier).toBe('memory');
  });

  it('gives nothing that was invalidated or is past all its times, wherever it is', async () => {
    const { tiers, shared, answerOf, invalidations } = await setUp();
    shared.kept.set('old', answerOf({ storedAtMs: -100_000 }));
    shared.kept.set('k', answerOf());
    await invalidations.add({ tenant: 'tenant-1' });
    expect([await tiers.find('old'), await tiers.find('k')]).toEqual([undefined, undefined]);
  });

  it('takes a tier that is away or holds what cannot be read for a miss, and counts it', async () => {
    const { tiers, shared, stats, answerOf } = await setUp();
    shared.failure = new Error('away');
    expect(await tiers.find('k')).toBeUndefined();
    await tiers.keep('k', answerOf());
    expect((await tiers.find('k'))?.tier).toBe('memory');
    shared.failure = new UnreadableAnswer('damaged');
    expect(await tiers.find('other')).toBeUndefined();
    expect(Object.fromEntries(stats.troubles)).toMatchObject({
      get_failed: 1,
      set_failed: 1,
      unreadable: 1,
      dropped: 0,
    });
  });

  it('keeps few answers waiting for a Redis that is slow', async () => {
    const { tiers, shared, stats, answerOf } = await setUp();
    const gate = Promise.withResolvers<void>();
    shared.held = gate.promise;
    const keeping = Array.from({ length: 70 }, (_, index) => tiers.keep(`${index}`, answerOf()));
    gate.resolve();
    await Promise.all(keeping);
    expect([shared.kept.size, stats.troubles.get('dropped')]).toEqual([64, 6]);
    await tiers.keep('later', answerOf());
    expect(shared.kept.has('later')).toBe(true);
  });

  it('takes an answer from a clock that is ahead for a new one', async () => {
    const { tiers, shared, answerOf } = await setUp();
    shared.kept.set('k', answerOf({ storedAtMs: 5_000 }));
    expect((await tiers.find('k'))?.tier).toBe('redis');
  });
});
