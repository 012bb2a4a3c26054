import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { FlightLease, FlightLock } from '../../../src/cache/flight-lock.port.js';
import { systemClock } from '../../../src/core/clock.js';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisFlightLock } from '../../../src/storage/redis/redis-flight-lock.js';
import { eventually } from '../../helpers/eventually.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { connectionTo } from '../quota-ledger/engines.js';

const TTL_MS = 2_000;
const NAME = 'gemini-gateway:flight:question';

let server: RedisServer;
let connections: RedisConnection[];
let clock: ManualClock;
/** Two replicas. Their renewals come when the test says so; the server's time is real. */
let here: FlightLock;
let there: FlightLock;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  await server.command('FLUSHALL');
  clock = new ManualClock();
  const [one, other] = [connectionTo(server.url), connectionTo(server.url)];
  connections = [one, other];
  const lockOver = (connection: RedisConnection) => new RedisFlightLock(connection, clock, TTL_MS);
  [here, there] = [lockOver(one), lockOver(other)];
});
afterEach(() => {
  server.resume();
  for (const connection of connections) connection.close();
});

async function taken(lock: FlightLock, key = 'question'): Promise<FlightLease> {
  const lease = await lock.take(key);
  if (typeof lease === 'string') throw new Error(`the lock is ${lease}`);
  return lease;
}

const leftMs = async (): Promise<number> => Number(await server.command('PTTL', NAME));

describe('the lock of a question', () => {
  it('is one replica’s at a time, and one question’s', async () => {
    const lease = await taken(here);
    expect(await there.take('question')).toBe('held');
    expect(await here.take('question')).toBe('held');
    await taken(there, 'another question');
    await lease.release();
    await taken(there);
  });

  it('goes to one of many who ask at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? here : there).take('question')),
    );
    expect(all.filter((lease) => lease !== 'held')).toHaveLength(1);
  });

  it('ends by itself where its holder died', async () => {
    await taken(here);
    const left = await leftMs();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(TTL_MS);
  });

  it('is kept alive as long as it is held, and no longer', async () => {
    const lease = await taken(here);
    await server.command('PEXPIRE', NAME, '500');
    clock.advance(TTL_MS / 3);
    await eventually(async () => (await leftMs()) > 500, 'a renewal');
    await eventually(() => clock.armed === 1, 'the timer of the next one');
    await server.command('PEXPIRE', NAME, '500');
    clock.advance(TTL_MS / 3);
    await eventually(async () => (await leftMs()) > 500, 'another renewal');
    await eventually(() => clock.armed === 1);
    await lease.release();
    expect(clock.armed).toBe(0);
  });

  it('is not taken from another by who lost it', async () => {
    const lost = await taken(here);
    await server.command('SET', NAME, 'another token');
    clock.advance(TTL_MS / 3);
    await eventually(() => clock.armed === 0, 'the end of its renewals');
    await lost.release();
    expect(await server.command('GET', NAME)).toBe('another token');
    expect(await leftMs()).toBe(-1);
  });

  it('is released once', async () => {
    const lease = await taken(here);
    await lease.release();
    const next = await taken(there);
    await lease.release();
    expect(await here.take('question')).toBe('held');
    await next.release();
  });

  it('is nobody’s to tell while Redis does not answer, and its holder is not held up for long', async () => {
    const connection = connectionTo(server.url, { timeoutMs: 50 });
    connections.push(connection);
    await connection.ready();
    const lock = new RedisFlightLock(connection, systemClock, TTL_MS);
    const lease = await taken(lock);
    server.suspend();
    const startedMs = performance.now();
    expect(await lock.take('another question')).toBe('unknown');
    await lease.release();
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
});
