/**
 * A tier of the cache. It may forget whatever it likes whenever it likes. Methods reject where it does not answer in
 * time; to the cache that is a miss.
 */
export interface CacheStore<Value> {
  /** The value that was stored under the key less than its time ago. */
  get(key: string): Promise<Value | undefined>;
  /** Stores a value for so many milliseconds, more than 0, in the place of any other. */
  set(key: string, value: Value, ttlMs: number): Promise<void>;
  /** Forgets a value. */
  delete(key: string): Promise<void>;
}
