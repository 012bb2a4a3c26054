import type { Clock } from '../core/clock.js';
import type { CacheStats } from './cache-stats.js';
import type { CacheStore } from './cache-store.port.js';
import type { Invalidations } from './invalidations.js';
import { freshnessOf, keptMs, type StoredAnswer } from './stored-answer.js';
import { UnreadableAnswer } from './unreadable-answer.js';

/** What the tiers are made of. */
export interface AnswerTiersParts {
  readonly memory: CacheStore<StoredAnswer>;
  /** The tier that replicas share, where they do. */
  readonly shared?: CacheStore<StoredAnswer>;
  readonly invalidations: Invalidations;
  readonly clock: Clock;
  readonly stats: CacheStats;
}

/** A stored answer with where it was found. */
export interface Found {
  readonly answer: StoredAnswer;
  readonly tier: 'memory' | 'redis';
}

/** Answers on their way to the shared tier. More are not kept waiting for one that is slow. */
const MOST_WRITES = 64;

/** Stored answers: in this process, and behind that in what replicas share. A tier that is away is a miss. */
export class AnswerTiers {
  #writes = 0;

  constructor(private readonly parts: AnswerTiersParts) {}

  /** The answer to a question that may still be given to somebody. Never rejects. */
  async find(key: string): Promise<Found | undefined> {
    const { memory, shared, clock } = this.parts;
    const near = this.#valid(key, await memory.get(key));
    if (near !== undefined && freshnessOf(near, clock.wallMs()) === 'fresh')
      return { answer: near, tier: 'memory' };
    const far = shared && this.#valid(key, await this.#far(shared, key));
    if (far !== undefined && (near === undefined || far.storedAtMs > near.storedAtMs)) {
      await memory.set(key, far, keptMs(far, clock.wallMs()));
      return { answer: far, tier: 'redis' };
    }
    return near && { answer: near, tier: 'memory' };
  }

  /** Keeps an answer for as long as it may be given to somebody. Never rejects. */
  async keep(key: string, answer: StoredAnswer): Promise<void> {
    const { memory, shared, clock, stats } = this.parts;
    const ttlMs = keptMs(answer, clock.wallMs());
    await memory.set(key, answer, ttlMs);
    if (shared === undefined) return;
    if (this.#writes >= MOST_WRITES) {
      stats.trouble('dropped');
      return;
    }
    this.#writes += 1;
    try {
      await shared.set(key, answer, ttlMs);
    } catch {
      stats.trouble('set_failed');
    } finally {
      this.#writes -= 1;
    }
  }

  async #far(shared: CacheStore<StoredAnswer>, key: string): Promise<StoredAnswer | undefined> {
    try {
      return await shared.get(key);
    } catch (thrown) {
      this.parts.stats.trouble(thrown instanceof UnreadableAnswer ? 'unreadable' : 'get_failed');
      return undefined;
    }
  }

  #valid(key: string, answer: StoredAnswer | undefined): StoredAnswer | undefined {
    const { invalidations, clock } = this.parts;
    if (answer === undefined || !invalidations.allows(key, answer)) return undefined;
    return freshnessOf(answer, clock.wallMs()) === 'gone' ? undefined : answer;
  }
}
