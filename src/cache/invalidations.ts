import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import { matches } from './cache-filter.js';
import type { CacheStats } from './cache-stats.js';
import type {
  CacheFilter,
  InvalidationEntries,
  InvalidationLog,
  InvalidationState,
} from './invalidation-log.port.js';
import type { StoredAnswer } from './stored-answer.js';

/** What this needs. */
export interface InvalidationsParts {
  /** The log that replicas share; one of this process's own where they share none. */
  readonly log: InvalidationLog;
  readonly clock: Clock;
  /** How often the log is looked at. */
  readonly pollMs: number;
  readonly stats: CacheStats;
}

/**
 * What has been invalidated, as of the last look at the log. Answers carry where the log stood before they were asked
 * for, so that one that was under way while it was invalidated does not count either. Looks begin with the first call
 * that needs them. While the log is out of reach, what is known goes on to count.
 */
export class Invalidations {
  #known: InvalidationEntries = { epoch: `here-${randomUUID()}`, number: 0, entries: [] };
  #looked: Promise<void> | undefined;
  #timer: Timer | undefined;
  #closed = false;
  /** Answers that were held against the log as it is now. */
  #passed = new WeakSet<StoredAnswer>();

  constructor(private readonly parts: InvalidationsParts) {}

  /** Where the log stands; waits for the first look at it. Never rejects. */
  async stamp(): Promise<InvalidationState> {
    await (this.#looked ??= this.#look());
    const { epoch, number } = this.#known;
    return { epoch, number };
  }

  /** Whether an answer still counts. */
  allows(key: string, answer: StoredAnswer): boolean {
    const { epoch, number, entries } = this.#known;
    if (answer.epoch !== epoch) return false;
    if (answer.number >= number || this.#passed.has(answer)) return true;
    for (const entry of entries) {
      if (entry.number <= answer.number) break;
      if (matches(entry.filter, key, answer.labels)) return false;
    }
    this.#passed.add(answer);
    return true;
  }

  /** Forgets answers: here at once, elsewhere within a look. Throws STORAGE_UNAVAILABLE where others were not told. */
  async add(filter: CacheFilter): Promise<InvalidationState> {
    await (this.#looked ??= this.#look());
    try {
      await this.parts.log.add(filter);
      const read = await this.parts.log.read();
      this.#know(read);
      return read;
    } catch (cause) {
      this.parts.stats.trouble('log_failed');
      throw new GatewayError(
        'STORAGE_UNAVAILABLE',
        'The cache could not be told to forget; answers may still be given. Try again.',
        { cause },
      );
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.clear();
  }

  async #look(): Promise<void> {
    try {
      const { epoch, number } = await this.parts.log.state();
      if (epoch !== this.#known.epoch || number !== this.#known.number)
        this.#know(await this.parts.log.read());
    } catch {
      this.parts.stats.trouble('log_failed');
    }
    if (!this.#closed)
      this.#timer = this.parts.clock.after(this.parts.pollMs, () => {
        void this.#look();
      });
  }

  #know(known: InvalidationEntries): void {
    // A look that began earlier may end later.
    if (known.epoch === this.#known.epoch && known.number < this.#known.number) return;
    this.#known = known;
    this.#passed = new WeakSet();
  }
}
