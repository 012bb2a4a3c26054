import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/core/clock.js';
import { QuotaConfig } from '../../../src/quota/quota.config.js';
import { ResilientQuotaLedger } from '../../../src/quota/resilient-quota-ledger.js';
import { MemoryQuotaLedger } from '../../../src/storage/memory/memory-quota-ledger.js';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisQuotaLedger } from '../../../src/storage/redis/redis-quota-ledger.js';
import { type FaultKind, type FaultProxy, startFaultProxy } from '../../faults/fault-proxy.js';
import { eventually } from '../../helpers/eventually.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { asking, connectionTo, TARGET } from './engines.js';

const TIMEOUT_MS = 50;
/** What a busy machine may take on top. */
const SLACK_MS = 400;
const LIMITS = { requestsPerMinute: 10_000, requestsPerDay: 10_000, concurrentCalls: 10_000 };

let server: RedisServer;
let proxy: FaultProxy;
let connection: RedisConnection;
/** As a replica sees it, through the proxy. */
let redis: RedisQuotaLedger;
let ledger: ResilientQuotaLedger;
let errors: number;

async function build(settings: Partial<QuotaConfig> = {}): Promise<void> {
  errors = 0;
  connection = connectionTo(proxy.url.replace('http:', 'redis:'), { timeoutMs: TIMEOUT_MS });
  redis = new RedisQuotaLedger({ connection, clock: systemClock, replica: 'r' });
  ledger = new ResilientQuotaLedger({
    shared: redis,
    local: new MemoryQuotaLedger(systemClock),
    config: Object.assign(new QuotaConfig(), settings),
    clock: systemClock,
    random: Math.random,
    logger: { error: () => void (errors += 1), warn: () => undefined },
  });
  await ledger.start();
}

beforeEach(async () => {
  server = await startRedisServer();
  proxy = await startFaultProxy(server.port, { seed: 1 });
  await build();
});

afterEach(async () => {
  ledger.close();
  connection.close();
  await proxy.close();
  server.resume();
  await server.close();
});

/** Redis may be too slow for once where others keep the processor busy. */
const isShared = () => eventually(() => ledger.state().mode === 'shared', 'its coming back', 6_000);

/** Calls that are admitted and settled, a few at once, as long as `until` is not true. None may fail or be slow. */
async function traffic(until: () => boolean): Promise<{ admitted: number; slowestMs: number }> {
  let admitted = 0;
  let slowestMs = 0;
  const caller = async (): Promise<void> => {
    while (!until()) {
      const call = asking(LIMITS);
      const startedMs = performance.now();
      const decision = await ledger.reserve(call);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      if (decision.admitted) {
        admitted += 1;
        await ledger.settle(call, { inputTokens: 0 });
      }
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  };
  await Promise.all([caller(), caller(), caller()]);
  return { admitted, slowestMs };
}

const after = (ms: number) => {
  const endMs = performance.now() + ms;
  return () => performance.now() >= endMs;
};

const through = (fault: FaultKind & { toward?: 'caller' | 'upstream' }) => ({
  strike: () => Promise.resolve(proxy.set(fault)),
  heal: () => Promise.resolve(proxy.clear()),
});
const set = (name: string, value: string) => async () =>
  void (await server.command('CONFIG', 'SET', name, value));

describe.each([
  ['hears nothing', through({ kind: 'black-hole', toward: 'upstream' })],
  ['is not heard', through({ kind: 'black-hole', toward: 'caller' })],
  ['answers 200 ms late', through({ kind: 'latency', delayMs: 200 })],
  ['resets connections', through({ kind: 'reset' })],
  [
    'stands still',
    { strike: () => Promise.resolve(server.suspend()), heal: () => Promise.resolve(server.resume()) },
  ],
  [
    'is a replica',
    {
      strike: async () => void (await server.command('REPLICAOF', '127.0.0.1', '1')),
      heal: async () => void (await server.command('REPLICAOF', 'NO', 'ONE')),
    },
  ],
  ['is out of memory', { strike: set('maxmemory', '1'), heal: set('maxmemory', '0') }],
])('a Redis that %s', (_, { strike, heal }) => {
  it('holds nobody up, is stood in for, comes back within 5 s, and knows all that happened', async () => {
    const before = await traffic(after(150));
    await isShared();
    const { outages } = ledger.state();
    await strike();
    const during = await traffic(after(700));
    expect(ledger.state()).toMatchObject({ mode: 'away', rule: 'local', replicas: 1 });
    expect(during.slowestMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    expect(during.admitted).toBeGreaterThan(20);
    expect(ledger.state().outages).toBe(outages + 1);
    await heal();
    const healedMs = performance.now();
    const since = await traffic(
      () => ledger.state().mode === 'shared' || performance.now() > healedMs + 6_000,
    );
    expect(performance.now() - healedMs).toBeLessThan(5_000);
    const later = await traffic(after(150));
    const admitted = before.admitted + during.admitted + since.admitted + later.admitted;
    await eventually(async () => ledger.state().arrears === 0, 'the arrears', 6_000);
    const { buckets, openReservations } = await redis.snapshot(TARGET);
    expect(buckets.requestsPerDay).toMatchObject({ used: admitted, reserved: 0 });
    expect(openReservations).toBe(0);
    const state = ledger.state();
    expect(state).toMatchObject({ lostArrears: 0, unmatchedSettlements: 0, memoryLosses: 0 });
    expect(errors).toBe(state.outages);
  });
});

describe('a Redis that goes away', () => {
  it('may come back empty', async () => {
    const before = await traffic(after(100));
    await server.kill();
    const during = await traffic(after(800));
    expect(ledger.state().mode).toBe('away');
    expect(during.slowestMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    await server.restart();
    const startedMs = performance.now();
    const since = await traffic(
      () => ledger.state().mode === 'shared' || performance.now() > startedMs + 6_000,
    );
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    const { buckets } = await redis.snapshot(TARGET);
    // What it knew before it went is gone; what came after is not.
    expect(before.admitted).toBeGreaterThan(0);
    expect(buckets.requestsPerDay?.used).toBe(during.admitted + since.admitted);
    expect(ledger.state().memoryLosses).toBe(1);
  });

  it('may lose its memory while it answers, which is noticed and said', async () => {
    await traffic(after(50));
    await server.command('FLUSHALL');
    const { slowestMs } = await traffic(after(200));
    expect(slowestMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    await eventually(() => ledger.state().memoryLosses === 1, 'the loss', 6_000);
    await isShared();
    expect(errors).toBe(ledger.state().outages + 1);
  });

  it('may never have been there', async () => {
    ledger.close();
    connection.close();
    await server.kill();
    await build();
    expect(ledger.state().mode).toBe('away');
    const { admitted } = await traffic(after(100));
    await server.restart();
    const startedMs = performance.now();
    await eventually(() => ledger.state().mode === 'shared', 'its coming', 6_000);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect((await redis.snapshot(TARGET)).buckets.requestsPerDay?.used).toBe(admitted);
  });

  it.each([
    ['allow', 1_000],
    ['refuse', 0],
    ['local', 5],
  ] as const)('is stood in for by the rule `%s`', async (rule, expected) => {
    ledger.close();
    connection.close();
    await build({ whenRedisIsAway: rule });
    server.suspend();
    const limits = { requestsPerMinute: 5 };
    const decisions = await Promise.all(Array.from({ length: 1_000 }, () => ledger.reserve(asking(limits))));
    expect(decisions.filter(({ admitted }) => admitted)).toHaveLength(expected);
  });
});
