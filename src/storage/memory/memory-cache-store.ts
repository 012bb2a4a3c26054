import type { CacheStore } from '../../cache/cache-store.port.js';
import type { Clock } from '../../core/clock.js';

/** What a store is made of. */
export interface MemoryCacheStoreOptions<Value> {
  readonly maxBytes: number;
  /** About how much memory a value takes. */
  readonly bytesOf: (value: Value) => number;
  readonly clock: Clock;
}

interface Kept<Value> {
  readonly value: Value;
  readonly bytes: number;
  /** Monotonic. */
  readonly untilMs: number;
}

/** A value that takes more of the store than this does not drive out the others. */
const LARGEST_SHARE = 1 / 4;

/** Keeps values in this process, within so many bytes: who was not asked for longest leaves first. */
export class MemoryCacheStore<Value> implements CacheStore<Value> {
  /** In the order in which they were last asked for. */
  readonly #kept = new Map<string, Kept<Value>>();
  #bytes = 0;

  constructor(private readonly options: MemoryCacheStoreOptions<Value>) {}

  /** Memory that the values take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string): Promise<Value | undefined> {
    const found = this.#kept.get(key);
    if (found === undefined) return Promise.resolve(undefined);
    this.#drop(key, found);
    if (this.options.clock.monotonicMs() >= found.untilMs) return Promise.resolve(undefined);
    this.#add(key, found);
    return Promise.resolve(found.value);
  }

  set(key: string, value: Value, ttlMs: number): Promise<void> {
    const { clock, bytesOf, maxBytes } = this.options;
    const before = this.#kept.get(key);
    if (before !== undefined) this.#drop(key, before);
    const bytes = bytesOf(value);
    if (bytes <= maxBytes * LARGEST_SHARE) {
      this.#add(key, { value, bytes, untilMs: clock.monotonicMs() + ttlMs });
      for (const [oldest, kept] of this.#kept) {
        if (this.#bytes <= maxBytes) break;
        this.#drop(oldest, kept);
      }
    }
    return Promise.resolve();
  }

  delete(key: string): Promise<void> {
    const found = this.#kept.get(key);
    if (found !== undefined) this.#drop(key, found);
    return Promise.resolve();
  }

  #add(key: string, kept: Kept<Value>): void {
    this.#kept.set(key, kept);
    this.#bytes += kept.bytes;
  }

  #drop(key: string, kept: Kept<Value>): void {
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
  }
}
