import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisSignatureStore } from '../../../src/storage/redis/redis-signature-store.js';
import { type FaultKind, type FaultProxy, startFaultProxy } from '../../faults/fault-proxy.js';
import { eventually } from '../../helpers/eventually.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { connectionTo } from './engines.js';

const TIMEOUT_MS = 50;
/** What a busy machine may take on top. */
const SLACK_MS = 400;

let server: RedisServer;
let proxy: FaultProxy;
let connection: RedisConnection;
let store: RedisSignatureStore;
beforeEach(async () => {
  server = await startRedisServer();
  proxy = await startFaultProxy(server.port, { seed: 1 });
});
afterEach(async () => {
  connection.close();
  await proxy.close();
  server.resume();
  await server.close();
});

/** A store that has kept a signature already. */
async function open(url = server.url): Promise<void> {
  connection = connectionTo(url, { timeoutMs: TIMEOUT_MS });
  await connection.ready();
  store = new RedisSignatureStore(connection, 60_000);
  // The first answer of a busy machine may be late.
  await eventually(() => kept('a', 'A'), 'a signature that is kept');
}

const kept = (id: string, signature: string) =>
  store.keep('t', id, { signature }).then(
    () => true,
    () => false,
  );
const found = async () => {
  const [part] = await store.find('t', ['a']).catch(() => []);
  return part?.signature;
};

const through = (fault: FaultKind & { toward?: 'caller' | 'upstream' }) => ({
  url: () => proxy.url.replace('http:', 'redis:'),
  strike: () => Promise.resolve(proxy.set(fault)),
  heal: () => Promise.resolve(proxy.clear()),
});

describe.each([
  ['hears nothing', through({ kind: 'black-hole', toward: 'upstream' })],
  ['is not heard', through({ kind: 'black-hole', toward: 'caller' })],
  ['answers 200 ms late', through({ kind: 'latency', delayMs: 200 })],
  ['resets connections', through({ kind: 'reset' })],
  [
    'stands still',
    {
      url: () => server.url,
      strike: () => Promise.resolve(server.suspend()),
      heal: () => Promise.resolve(server.resume()),
    },
  ],
  [
    'is a replica',
    {
      url: () => server.url,
      strike: async () => void (await server.command('REPLICAOF', '127.0.0.1', '1')),
      heal: async () => void (await server.command('REPLICAOF', 'NO', 'ONE')),
    },
  ],
])('a Redis that %s', (_, { url, strike, heal }) => {
  it('holds nobody up, and gives back what it kept once it is well', async () => {
    await open(url());
    await strike();
    for (let turn = 0; turn < 5; turn += 1) {
      const startedMs = performance.now();
      await expect(store.find('t', ['a', 'b', 'c'])).rejects.toThrow();
      await expect(store.keep('t', 'd', { signature: 'D' })).rejects.toThrow();
      expect(performance.now() - startedMs).toBeLessThan(2 * (TIMEOUT_MS + SLACK_MS));
    }
    await heal();
    await eventually(async () => (await found()) === 'A', 'the signature', 6_000);
  });
});

it('a Redis that is out of memory keeps nothing more, and gives back what it has', async () => {
  await open();
  await server.command('CONFIG', 'SET', 'maxmemory', '1');
  await expect(store.keep('t', 'b', { signature: 'B' })).rejects.toThrow('OOM');
  await eventually(async () => (await found()) === 'A', 'the signature');
});

describe('a key in Redis', () => {
  beforeEach(() => open());

  it('says nothing of tenant and id, is no longer than any other, and ends', async () => {
    const id = `call_secret${'x'.repeat(100_000)}{tag}`;
    await eventually(() => kept(id, 'B'), 'a signature that is kept');
    const keys = (await server.command('KEYS', '*')) as string[];
    expect(keys).toHaveLength(2);
    for (const key of keys) {
      expect(key).toMatch(/^gemini-gateway:signature:[\w-]{43}$/);
      expect(Number(await server.command('PTTL', key))).toBeGreaterThan(0);
    }
  });

  it('that holds something else is a signature that is missing', async () => {
    const [key = ''] = (await server.command('KEYS', '*')) as string[];
    for (const value of ['', 'not json', '7', 'null', '[]']) {
      await server.command('SET', key, value);
      expect(await store.find('t', ['a'])).toEqual([undefined]);
    }
    await server.command('SET', key, '{"signature":7,"upstreamId":"u","more":1}');
    expect(await store.find('t', ['a'])).toEqual([{ upstreamId: 'u' }]);
  });
});
