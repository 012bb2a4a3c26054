import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../../src/core/clock.js';
import { pacificDay } from '../../../../src/core/pacific-day.js';
import type { QuotaLimits, QuotaTarget, Reservation } from '../../../../src/quota/quota-ledger.port.js';
import { RedisConnection } from '../../../../src/storage/redis/redis-connection.js';
import { RedisQuotaLedger } from '../../../../src/storage/redis/redis-quota-ledger.js';
import { RedisConfig } from '../../../../src/storage/storage.config.js';
import { eventually } from '../../../helpers/eventually.js';
import { type RedisServer, startRedisServer } from '../../../helpers/redis-server.js';

const TARGET: QuotaTarget = { project: 'p', location: 'global', model: 'm' };
const LIMITS: QuotaLimits = {
  requestsPerMinute: 5,
  inputTokensPerMinute: 1_000,
  nanoUsdPerTenMinutes: 5e14,
  requestsPerDay: 50,
  concurrentCalls: 4,
};

let made = 0;

function asking(limits: QuotaLimits, more: Partial<Reservation> = {}): Reservation {
  made += 1;
  const estimate = { requests: 1, inputTokens: 100, images: 0, nanoUsd: 1e14 };
  return { id: `c${made}`, target: TARGET, estimate, limits, ttlMs: 60_000, ...more };
}

/** With the server's own time, by one server and by a cluster. */
describe.each([
  ['one server', false],
  ['a cluster', true],
])('a ledger in %s', (_, cluster) => {
  let server: RedisServer;
  let connection: RedisConnection;
  let ledger: RedisQuotaLedger;

  function open(replica = 'r1'): RedisQuotaLedger {
    return new RedisQuotaLedger({ connection, clock: systemClock, replica });
  }

  const keys = async () => (await connection.send('', ['KEYS', '*'])) as readonly string[];

  beforeAll(async () => (server = await startRedisServer({ cluster })));
  afterAll(() => server.close());
  beforeEach(async () => {
    const config = Object.assign(new RedisConfig(), { cluster, timeoutMs: 2_000, keyPrefix: 'gw:' });
    connection = new RedisConnection(
      { id: 'url', current: () => server.url },
      config,
      systemClock,
      Math.random,
    );
    await connection.send('', ['FLUSHALL']);
    ledger = open();
  });
  afterEach(() => connection.close());

  it('goes by the server’s time', async () => {
    for (let call = 0; call < 5; call += 1)
      expect(await ledger.reserve(asking({ requestsPerMinute: 5 }))).toEqual({ admitted: true });
    const minute = await ledger.reserve(asking({ requestsPerMinute: 5 }));
    expect(minute).toMatchObject({ admitted: false, bucket: 'requestsPerMinute' });
    const { retryAfterMs } = minute as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(55_000);
    expect(retryAfterMs).toBeLessThanOrEqual(61_000);
    const day = { requestsPerDay: 1 };
    const target = { ...TARGET, model: 'daily' };
    await ledger.reserve(asking(day, { target }));
    const today = await ledger.reserve(asking(day, { target }));
    const untilMidnightMs = pacificDay(Date.now()).endMs - Date.now();
    expect(Math.abs((today as { retryAfterMs: number }).retryAfterMs - untilMidnightMs)).toBeLessThan(5_000);
  });

  it('frees what expired, by the server’s time', async () => {
    const limits = { concurrentCalls: 1 };
    await ledger.reserve(asking(limits, { ttlMs: 80 }));
    expect(await ledger.reserve(asking(limits))).toMatchObject({ bucket: 'concurrentCalls' });
    await eventually(async () => (await ledger.reserve(asking(limits))).admitted);
  });

  it('is one with every other ledger on the server', async () => {
    const other = open('r2');
    const call = asking(LIMITS);
    await ledger.reserve(call);
    for (let more = 0; more < 3; more += 1) await other.reserve(asking(LIMITS));
    expect(await ledger.reserve(asking(LIMITS))).toMatchObject({ bucket: 'concurrentCalls' });
    expect(await other.settle(call, { inputTokens: 20 })).toBe('settled');
    await other.block(TARGET, 'target', 60_000, 'told');
    expect(await ledger.snapshot(TARGET)).toMatchObject({
      openReservations: 3,
      buckets: {
        inputTokensPerMinute: { used: 320, reserved: 300 },
        nanoUsdPerTenMinutes: { used: 4e14, reserved: 3e14 },
      },
      marks: [{ bucket: 'target', why: 'told' }],
    });
  });

  it('keeps all keys of a target in one slot, under its prefix, and none for ever', async () => {
    const calls = [asking(LIMITS), asking(LIMITS), asking(LIMITS, { target: { ...TARGET, model: 'a}b{c' } })];
    for (const call of calls) await ledger.reserve(call);
    await ledger.settle(calls[0]!, { inputTokens: 5_000 });
    await ledger.block(TARGET, 'target', 60_000, 'told');
    await ledger.attend(TARGET);
    const all = await keys();
    expect(all.length).toBeGreaterThan(7);
    for (const key of all) {
      expect(key).toMatch(/^gw:quota:(replicas$|\{(p\/global\/m|p\/global\/a%7Db%7Bc)\})/);
      expect(await connection.send(key, ['PTTL', key])).toBeGreaterThan(0);
    }
    const slots = new Set<unknown>();
    for (const key of all.filter((each) => each.includes('{p/global/m}')))
      slots.add(cluster ? await connection.send(key, ['CLUSTER', 'KEYSLOT', key]) : 0);
    expect(slots.size).toBe(1);
  });

  it('keeps what counts as long as it counts, and debt until it is paid', async () => {
    const ttl = async () => Number(await connection.send('gw', ['PTTL', 'gw:quota:{p/global/m}']));
    const minutes = asking({ inputTokensPerMinute: 1_000 });
    await ledger.reserve(minutes);
    expect(await ttl()).toBeGreaterThan(61_000);
    expect(await ttl()).toBeLessThan(600_000);
    await ledger.settle(minutes, { inputTokens: 30_000 });
    expect(await ttl()).toBeGreaterThan(30 * 61_000);
    await ledger.reserve(asking({ requestsPerDay: 9 }));
    expect(await ttl()).toBeGreaterThan(26 * 3_600_000);
  });

  it('takes one call of a script for each step', async () => {
    const call = asking(LIMITS);
    await ledger.reserve(call);
    await ledger.settle(call, {});
    await connection.send('', ['CONFIG', 'RESETSTAT']);
    const next = asking(LIMITS);
    await ledger.reserve(next);
    await ledger.settle(next, { inputTokens: 1 });
    const stats = String(await connection.send('', ['INFO', 'commandstats']));
    expect(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1]).toBe('2');
    expect(stats).not.toContain('cmdstat_eval:');
  });

  it('sends a script that the server lost once more', async () => {
    const call = asking(LIMITS);
    await ledger.reserve(call);
    await connection.send('', ['SCRIPT', 'FLUSH']);
    expect(await ledger.settle(call, {})).toBe('settled');
    expect(await ledger.reserve(asking(LIMITS))).toEqual({ admitted: true });
  });

  it('counts who attends, and remembers them for a while', async () => {
    expect(await ledger.attend()).toEqual({ replicas: 1, remembered: false });
    expect(await ledger.attend()).toEqual({ replicas: 1, remembered: true });
    expect(await open('r2').attend(TARGET)).toEqual({ replicas: 2, remembered: false });
    const replicas = (await keys()).find((key) => key.endsWith(':replicas'));
    expect(await connection.send(replicas!, ['PTTL', replicas!])).toBeGreaterThan(10_000);
    await connection.send(replicas!, ['ZADD', replicas!, String(Date.now() - 15_001), 'r2']);
    expect(await ledger.attend()).toEqual({ replicas: 1, remembered: true });
  });

  it('leaves nothing half done where the server takes no writes', async () => {
    await ledger.reserve(asking(LIMITS));
    const before = await ledger.snapshot(TARGET);
    const full = { maxmemory: '1', 'maxmemory-policy': 'noeviction' };
    for (const [name, value] of Object.entries(full))
      await connection.send('', ['CONFIG', 'SET', name, value]);
    try {
      await expect(ledger.reserve(asking(LIMITS))).rejects.toThrow('OOM');
      await expect(ledger.attend()).rejects.toThrow('OOM');
      const { buckets, openReservations } = await ledger.snapshot(TARGET);
      expect(openReservations).toBe(before.openReservations);
      expect(buckets.requestsPerMinute?.used).toBe(1);
    } finally {
      await connection.send('', ['CONFIG', 'SET', 'maxmemory', '0']);
    }
  });
});
