import { beforeEach, describe, expect, it } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import { GatewayError, type GatewayErrorOptions, type Reason } from '../../../src/core/gateway-error.js';
import { LearnedLimits } from '../../../src/quota/learned-limits.js';
import { QuotaGate, type QuotaHold } from '../../../src/quota/quota-gate.js';
import type { QuotaLimits, QuotaUse } from '../../../src/quota/quota-ledger.port.js';
import { QuotaConfig } from '../../../src/quota/quota.config.js';
import type { LedgerState } from '../../../src/quota/resilient-quota-ledger.js';
import { UrgentDemand } from '../../../src/quota/urgent-demand.js';
import type { Priority } from '../../../src/core/call.js';
import { QuotaScheduler } from '../../../src/quota/scheduler.js';
import { MemoryQuotaLedger } from '../../../src/storage/memory/memory-quota-ledger.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const TARGET = { project: 'p', location: 'global', model: 'm' };
const ESTIMATE: QuotaUse = { requests: 1, inputTokens: 100, images: 0, nanoUsd: 0 };

let clock: ManualClock;
let ledger: MemoryQuotaLedger;
let gate: QuotaGate;
let scheduler: QuotaScheduler;
let demand: UrgentDemand;
let status: { state: LedgerState | undefined };
let lines: object[];
beforeEach(() => {
  clock = new ManualClock();
  ledger = new MemoryQuotaLedger(clock);
  lines = [];
  const log = (about: object): void => void lines.push(about);
  const logger = { setContext: () => undefined, warn: log, error: log } as unknown as PinoLogger;
  const config = new QuotaConfig();
  scheduler = new QuotaScheduler(config, clock);
  demand = new UrgentDemand(clock);
  status = { state: undefined };
  gate = new QuotaGate(ledger, new LearnedLimits(), scheduler, demand, status, config, clock, logger);
});

const take = (limits: QuotaLimits, estimate: Partial<QuotaUse> = {}, priority: Priority = 'standard') =>
  gate.take({
    target: TARGET,
    limits,
    estimate: { ...ESTIMATE, ...estimate },
    ttlMs: 1_000,
    priority,
    aged: false,
  });
async function held(limits: QuotaLimits, estimate: Partial<QuotaUse> = {}): Promise<QuotaHold> {
  const taken = await take(limits, estimate);
  if ('refusal' in taken) throw new Error(taken.refusal.why);
  return taken.hold;
}
async function refused(limits: QuotaLimits) {
  const taken = await take(limits);
  if ('hold' in taken) throw new Error('there was room');
  return taken.refusal;
}
const used = async (bucket: 'requestsPerMinute' | 'inputTokensPerMinute') =>
  (await ledger.snapshot(TARGET)).buckets[bucket]?.used ?? 0;
const failure = (reason: Reason, options: GatewayErrorOptions = {}) =>
  new GatewayError(reason, `It is ${reason}.`, options);
const LIMITS = { requestsPerMinute: 10, inputTokensPerMinute: 1_000 };

describe('QuotaGate', () => {
  it('puts what was used in the place of the estimate', async () => {
    const hold = await held(LIMITS);
    expect([await used('requestsPerMinute'), await used('inputTokensPerMinute')]).toEqual([1, 100]);
    hold.answered({ inputTokens: 30 });
    expect([await used('requestsPerMinute'), await used('inputTokensPerMinute')]).toEqual([1, 30]);
  });

  it('undoes what was not sent', async () => {
    (await held(LIMITS)).release();
    expect([await used('requestsPerMinute'), await used('inputTokensPerMinute')]).toEqual([0, 0]);
  });

  it.each<[string, GatewayError, requests: number, tokens: number]>([
    ['an overload', failure('UPSTREAM_OVERLOADED', { metadata: { upstreamStatus: 503 } }), 0, 0],
    ['a connection that broke', failure('UPSTREAM_UNAVAILABLE'), 0, 0],
    ['a quota', failure('UPSTREAM_RATE_LIMITED', { metadata: { upstreamStatus: 429 } }), 1, 0],
    ['a bad request', failure('INVALID_REQUEST', { metadata: { upstreamStatus: 400 } }), 1, 0],
    ['a time that ran out', failure('UPSTREAM_UNAVAILABLE', { metadata: { timeout: 'total' } }), 1, 100],
    ['a caller who left', failure('CANCELLED'), 1, 100],
  ])('counts for %s what Google may have counted', async (_, error, requests, tokens) => {
    (await held(LIMITS)).failed(error);
    expect([await used('requestsPerMinute'), await used('inputTokensPerMinute')]).toEqual([requests, tokens]);
  });

  it('counts every call, whatever its caller calls it', async () => {
    await Promise.all([held(LIMITS), held(LIMITS), held(LIMITS)]);
    expect(await used('requestsPerMinute')).toBe(3);
  });

  it('tells which limit is in the way, and until when', async () => {
    await held({ requestsPerMinute: 1, requestsPerDay: 1 });
    const lasting = await refused({ requestsPerMinute: 1, requestsPerDay: 1 });
    expect(lasting).toMatchObject({
      why: "The project's requests per day for this model are used up (limit 1).",
      lasting: true,
    });
    const minute = await refused({ requestsPerMinute: 1 });
    expect(minute.lasting).toBe(false);
    expect(minute.retryAfterMs).toBeGreaterThan(0);
    expect(minute.retryAfterMs).toBeLessThanOrEqual(61_000);
    expect(gate.refusals()).toEqual([
      { target: TARGET, bucket: 'requestsPerDay', times: 1 },
      { target: TARGET, bucket: 'requestsPerMinute', times: 1 },
    ]);
  });

  it('frees the place of a call that nobody settles, a while after its time', async () => {
    const limits = { concurrentCalls: 1 };
    await held(limits);
    clock.advance(5_999);
    expect(await take(limits)).toHaveProperty('refusal');
    clock.advance(1);
    expect(await take(limits)).toHaveProperty('hold');
  });

  it('lets nothing through a quota that Google says is used up, until Google’s time is over', async () => {
    const told = failure('UPSTREAM_RATE_LIMITED', {
      retryAfterMs: 7_000,
      metadata: {
        quotaKind: 'minute',
        quotaId: 'GenerateRequestsPerMinute',
        quotaValue: '4',
        upstreamStatus: 429,
      },
    });
    gate.learn(TARGET, told);
    const limits = gate.limits(TARGET, undefined);
    expect(limits).toEqual({ requestsPerMinute: 4 });
    expect(await refused(limits ?? {})).toEqual({
      bucket: 'requestsPerMinute',
      why: told.message,
      retryAfterMs: 7_000,
      lasting: false,
    });
    clock.advance(7_000);
    await held(limits ?? {});
    expect(lines).toEqual([{ ...TARGET, bucket: 'requestsPerMinute', limit: 4, rest_ms: 7_000 }]);
  });

  it('keeps the whole target closed where Google says that there is no quota', async () => {
    gate.learn(
      TARGET,
      failure('UPSTREAM_QUOTA_EXHAUSTED', { retryAfterMs: 9_000, metadata: { quotaKind: 'gate' } }),
    );
    expect(await refused(LIMITS)).toMatchObject({ lasting: true, retryAfterMs: 9_000 });
  });

  it('fails no call that is over for books that cannot be kept', async () => {
    const hold = await held(LIMITS);
    ledger.settle = () => Promise.reject(new Error('the books are closed'));
    hold.answered({ inputTokens: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual([{ error: 'the books are closed' }]);
  });
});

describe('QuotaGate, calls that leave the others a share', () => {
  it.each([
    [10, 7],
    [3, 2],
    [1, 1],
    [0, 0],
  ])('of a limit of %i get %i', async (requestsPerMinute, most) => {
    let admitted = 0;
    for (let call = 0; call < 12; call += 1)
      if ('hold' in (await take({ requestsPerMinute }, {}, 'batch'))) admitted += 1;
    expect(admitted).toBe(most);
  });

  it('count for what the others have left', async () => {
    const limits = { requestsPerMinute: 10 };
    for (let call = 0; call < 7; call += 1) await held(limits);
    expect(await take(limits, {}, 'batch')).toMatchObject({
      refusal: { why: expect.stringContaining('(limit 10, of which calls of the class batch get 7 now)') },
    });
    for (let call = 0; call < 3; call += 1) await held(limits);
    expect(await take(limits)).toHaveProperty('refusal');
  });
});

describe('QuotaGate, what urgent calls will need', () => {
  const limits = { requestsPerMinute: 60, requestsPerDay: 60 };
  const often = async (times: number, priority: Priority): Promise<number> => {
    let admitted = 0;
    for (let call = 0; call < times; call += 1) {
      if (!('hold' in (await take(limits, {}, priority)))) continue;
      admitted += 1;
      if (priority === 'interactive') demand.wanted(['p/m'], 1 / 60);
    }
    return admitted;
  };

  it('is left by the others until room comes free, of quotas by the minute alone', async () => {
    await often(10, 'interactive');
    clock.advance(10_000);
    await often(10, 'interactive');
    // One in a second, for the 50 seconds and a little that are left: what was taken is nearly all that may be.
    expect(await often(60, 'standard')).toBe(0);
    expect(await take(limits, {}, 'standard')).toMatchObject({
      refusal: {
        bucket: 'requestsPerMinute',
        why: expect.stringMatching(/of which calls of the class standard get \d+ now/),
      },
    });
    expect(await often(60, 'interactive')).toBe(40);
  });

  it('is taken for as many replicas as there are', async () => {
    await often(5, 'interactive');
    clock.advance(30_000);
    await often(1, 'interactive');
    const alone = demand.reserved('p/m');
    expect(alone).toBeGreaterThan(0);
    const left = await often(60, 'standard');
    status.state = { replicas: 3 } as LedgerState;
    clock.advance(61_000);
    await often(6, 'interactive');
    expect(await often(60, 'standard')).toBeLessThan(left);
  });
});

describe('QuotaGate, what is known without asking', () => {
  it('is that a target is full from a refusal on, until its time or the next admission', async () => {
    const limits = { requestsPerMinute: 1 };
    expect(gate.isFull(TARGET)).toBe(false);
    await held(limits);
    const { retryAfterMs } = await refused(limits);
    expect(gate.isFull(TARGET)).toBe(true);
    expect(gate.isFull({ ...TARGET, model: 'other' })).toBe(false);
    clock.advance(retryAfterMs);
    expect(gate.isFull(TARGET)).toBe(false);
    await held(limits);
    await refused(limits);
    await held({ requestsPerMinute: 2 });
    expect(gate.isFull(TARGET)).toBe(false);
  });

  it('is nothing where only a share or an impossible call was refused', async () => {
    await held({ requestsPerMinute: 10 });
    expect(await take({ requestsPerMinute: 1 }, {}, 'batch')).toHaveProperty('refusal');
    expect(await take({ inputTokensPerMinute: 50 })).toHaveProperty('refusal');
    expect(gate.isFull(TARGET)).toBe(false);
  });
});

describe('QuotaGate, those who wait', () => {
  it.each<[string, QuotaLimits, (hold: QuotaHold) => void, boolean]>([
    ['a call that used less', LIMITS, (hold) => hold.answered({ inputTokens: 99 }), true],
    ['a call that was not sent', LIMITS, (hold) => hold.release(), true],
    ['a call that used its estimate', LIMITS, (hold) => hold.answered({ inputTokens: 100 }), false],
    ['the end of a concurrent call', { concurrentCalls: 9 }, (hold) => hold.answered({}), true],
  ])('hear of room that comes with %s', async (_, limits, end, hear) => {
    const hold = await held(limits);
    let asked = 0;
    const leaving = new AbortController();
    const wait = scheduler.wait(
      { priority: 'standard', tenant: 'x', team: 't', untilMs: 90_000, signal: leaving.signal },
      [
        {
          target: 'p/m',
          dueMs: 60_000,
          cost: 0,
          ask: async () => {
            asked += 1;
            return Promise.resolve({ got: false, dueMs: 60_000 });
          },
        },
      ],
    );
    end(hold);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(hear ? 1 : 0);
    leaving.abort();
    await wait;
  });
});
