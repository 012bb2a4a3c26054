import { EventEmitter } from 'node:events';
import { Keyv, type KeyvStoreAdapter, type StoredData } from 'keyv';
import type { CacheStore } from '../../cache/cache-store.port.js';
import type { RedisConnection } from './redis-connection.js';

/** Bytes in the Redis that replicas share. Whatever is wrong with it rejects, within the time of the connection. */
export class RedisCacheStore implements CacheStore<Buffer> {
  readonly #keyv: Keyv<Buffer>;

  constructor(connection: RedisConnection) {
    this.#keyv = new Keyv<Buffer>({
      store: new RedisBytes(connection),
      useKeyPrefix: false,
      emitErrors: false,
      // A failure must not look like a miss.
      throwOnErrors: true,
    });
    // Values are bytes already.
    this.#keyv.serialize = undefined;
    this.#keyv.deserialize = undefined;
    // Rejections tell; without a listener an emitted error would end the process.
    this.#keyv.on('error', () => undefined);
  }

  get(key: string): Promise<Buffer | undefined> {
    return this.#keyv.get(key);
  }

  async set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    await this.#keyv.set(key, value, Math.ceil(ttlMs));
  }

  async delete(key: string): Promise<void> {
    await this.#keyv.delete(key);
  }
}

/** Keyv's way to a connection that is bounded in time and keeps nothing for later. */
class RedisBytes extends EventEmitter implements KeyvStoreAdapter {
  readonly opts = {};

  constructor(private readonly connection: RedisConnection) {
    super();
  }

  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const name = this.#nameOf(key);
    const value = await this.connection.sendForBytes(name, ['GET', name]);
    return value === null ? undefined : { value: value as Value };
  }

  async set(key: string, { value }: { readonly value: Buffer }, ttlMs: number): Promise<void> {
    const name = this.#nameOf(key);
    await this.connection.send(name, ['SET', name, value, 'PX', String(ttlMs)]);
  }

  async delete(key: string): Promise<boolean> {
    const name = this.#nameOf(key);
    return (await this.connection.send(name, ['UNLINK', name])) === 1;
  }

  /** Everything at once is forgotten by an invalidation: to look for keys would hold up the server. */
  clear(): Promise<void> {
    return Promise.reject(new Error('A cache of answers is not cleared key by key.'));
  }

  #nameOf(key: string): string {
    return `${this.connection.keyPrefix}cache:${key}`;
  }
}
