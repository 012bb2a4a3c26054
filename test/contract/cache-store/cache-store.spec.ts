import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import type { CacheStore } from '../../../src/cache/cache-store.port.js';
import { systemClock } from '../../../src/core/clock.js';
import { MemoryCacheStore } from '../../../src/storage/memory/memory-cache-store.js';
import { RedisCacheStore } from '../../../src/storage/redis/redis-cache-store.js';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { eventually } from '../../helpers/eventually.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { connectionTo } from './connection.js';

const HOUR_MS = 3_600_000;

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedisServer();
  connection = connectionTo(server.url);
});
afterAll(async () => {
  connection.close();
  await server.close();
});

const ENGINES: readonly (readonly [string, () => CacheStore<Buffer>])[] = [
  [
    'memory',
    () =>
      new MemoryCacheStore<Buffer>({
        maxBytes: 64_000_000,
        bytesOf: (value) => value.length,
        clock: systemClock,
      }),
  ],
  ['Redis', () => new RedisCacheStore(connection)],
];

describe.each(ENGINES)('a store of cached values in %s', (_name, open) => {
  let store: CacheStore<Buffer>;
  let key: string;
  beforeEach(() => {
    store = open();
    key = randomUUID();
  });

  it('gives back the very bytes, whatever they are', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    for (const value of [every, Buffer.alloc(0), Buffer.from('\r\n$5\r\n'), randomBytes(2_000_000)]) {
      await store.set(key, value, HOUR_MS);
      expect(Buffer.compare((await store.get(key)) ?? Buffer.from('none'), value)).toBe(0);
    }
  });

  it('knows nothing of keys that were never set or were deleted', async () => {
    expect(await store.get(key)).toBeUndefined();
    await store.set(key, Buffer.of(1), HOUR_MS);
    await store.delete(key);
    await store.delete(key);
    expect(await store.get(key)).toBeUndefined();
  });

  it('puts a value in the place of another, with a time of its own', async () => {
    await store.set(key, Buffer.of(1), 20);
    await store.set(key, Buffer.of(2), HOUR_MS);
    await store.set(`${key}-other`, Buffer.of(3), 20);
    await eventually(async () => (await store.get(`${key}-other`)) === undefined);
    expect(await store.get(key)).toEqual(Buffer.of(2));
  });

  it('forgets a value when its time is over, a fraction of a millisecond included', async () => {
    await store.set(key, Buffer.of(1), 0.5);
    await store.set(`${key}-other`, Buffer.of(1), 30);
    await eventually(async () => (await store.get(key)) === undefined);
    await eventually(async () => (await store.get(`${key}-other`)) === undefined);
  });
});

describe('a store of cached values in Redis', () => {
  it('leaves nothing there for good', async () => {
    await new RedisCacheStore(connection).set('some-key', Buffer.of(1), HOUR_MS);
    const ttl = await server.command('PTTL', 'gemini-gateway:cache:some-key');
    expect(Number(ttl)).toBeGreaterThan(HOUR_MS - 10_000);
  });
});
