import { beforeEach, describe, expect, it } from '@jest/globals';
import { QuotaConfig } from '../../../src/quota/quota.config.js';
import type {
  QuotaLimits,
  QuotaTarget,
  QuotaUse,
  Reservation,
} from '../../../src/quota/quota-ledger.port.js';
import { ResilientQuotaLedger } from '../../../src/quota/resilient-quota-ledger.js';
import { MemoryQuotaLedger } from '../../../src/storage/memory/memory-quota-ledger.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { SwitchedLedger } from './switched-ledger.js';

const TARGET: QuotaTarget = { project: 'p', location: 'global', model: 'm' };
const ADMITTED = { admitted: true };

let clock: ManualClock;
let shared: SwitchedLedger;
let ledger: ResilientQuotaLedger;
let log: { level: string; message: string | undefined }[];
let made = 0;

function build(settings: Partial<QuotaConfig> = {}): void {
  clock = new ManualClock();
  shared = new SwitchedLedger(clock);
  log = [];
  const logs =
    (level: string) =>
    (...said: unknown[]): void =>
      void log.push({ level, message: said.findLast((part): part is string => typeof part === 'string') });
  ledger = new ResilientQuotaLedger({
    shared,
    local: new MemoryQuotaLedger(clock),
    config: Object.assign(new QuotaConfig(), settings),
    clock,
    random: () => 1,
    logger: { error: logs('error'), warn: logs('warn') },
  });
}

function asking(limits: QuotaLimits, estimate: Partial<QuotaUse> = {}, ttlMs = 60_000): Reservation {
  made += 1;
  const use = { requests: 1, inputTokens: 0, images: 0, nanoUsd: 0, ...estimate };
  return { id: `c${made}`, target: TARGET, estimate: use, limits, ttlMs };
}

async function admitted(limits: QuotaLimits, tries: number): Promise<number> {
  let count = 0;
  for (let call = 0; call < tries; call += 1) if ((await ledger.reserve(asking(limits))).admitted) count += 1;
  return count;
}

/** Lets so much time pass, and what falls due do its work. */
async function pass(byMs: number): Promise<void> {
  clock.advance(byMs);
  for (let turn = 0; turn < 500; turn += 1) await Promise.resolve();
}

/** Lets a call find that nobody answers. */
async function lose(how: 'before' | 'after' = 'before'): Promise<void> {
  shared.away = how;
  await ledger.snapshot(TARGET);
}

/** Brings the shared ledger back, and waits for the next look. */
async function bringBack(): Promise<void> {
  shared.away = undefined;
  await pass(1_500);
}

const useOf = async (of: { snapshot: MemoryQuotaLedger['snapshot'] }) => (await of.snapshot(TARGET)).buckets;

beforeEach(() => build());

describe('while the shared ledger answers', () => {
  it('lets it decide, and asks it once for each step', async () => {
    const limits = { requestsPerMinute: 1 };
    const call = asking(limits);
    expect(await ledger.reserve(call)).toEqual(ADMITTED);
    expect(await ledger.settle(call, {})).toBe('settled');
    expect(await ledger.reserve(asking(limits))).toMatchObject({ bucket: 'requestsPerMinute' });
    expect(shared.calls).toEqual(['reserve', 'settle', 'reserve']);
    expect(ledger.state()).toMatchObject({ mode: 'shared', outages: 0, arrears: 0 });
  });

  it('counts settlements that match no reservation', async () => {
    await ledger.settle(asking({}), {});
    expect(ledger.state().unmatchedSettlements).toBe(1);
  });

  it('stays among the replicas, without a word', async () => {
    await ledger.start();
    shared.attendance = { replicas: 4, remembered: true };
    await pass(5_000);
    expect(ledger.state().replicas).toBe(4);
    await pass(5_000);
    expect(shared.attended).toHaveLength(3);
    expect(log).toEqual([]);
    ledger.close();
    expect(clock.armed).toBe(0);
  });

  it('rejects what no ledger takes, and stays', async () => {
    await expect(ledger.reserve(asking({}, { inputTokens: -1 }))).rejects.toThrow(RangeError);
    await expect(ledger.settle(asking({}), { images: -1 })).rejects.toThrow(RangeError);
    expect(ledger.state().mode).toBe('shared');
  });

  it('says that it lost its memory when it does not know a replica that was just there', async () => {
    await ledger.start();
    shared.attendance = { replicas: 1, remembered: false };
    await pass(5_000);
    expect(log).toEqual([{ level: 'error', message: expect.stringContaining('lost its memory') }]);
    expect(ledger.state()).toMatchObject({ mode: 'shared', memoryLosses: 1 });
  });

  it('divides by as many replicas as before until the others have come back to an empty one', async () => {
    shared.attendance = { replicas: 3, remembered: true };
    await ledger.start();
    shared.attendance = { replicas: 1, remembered: false };
    await pass(5_000);
    expect(ledger.state().replicas).toBe(3);
    shared.attendance = { replicas: 2, remembered: true };
    await pass(5_000);
    expect(ledger.state().replicas).toBe(2);
  });
});

describe('when it does not answer', () => {
  it('decides by rule in the same call, and no further call asks it', async () => {
    shared.away = 'before';
    expect(await ledger.reserve(asking({ requestsPerMinute: 5 }))).toEqual(ADMITTED);
    expect(await admitted({ requestsPerMinute: 5 }, 9)).toBe(4);
    expect(shared.calls).toEqual(['reserve']);
  });

  it('says so once, and once that it is back', async () => {
    await lose();
    await ledger.snapshot(TARGET);
    await ledger.reserve(asking({}));
    expect(log).toEqual([{ level: 'error', message: expect.stringContaining('out of reach') }]);
    expect(ledger.state()).toMatchObject({
      mode: 'away',
      reason: 'nobody answers',
      outages: 1,
      sinceMs: clock.wallMs(),
    });
    await bringBack();
    expect(log.slice(1)).toEqual([{ level: 'warn', message: expect.stringContaining('decides again') }]);
    expect(ledger.state()).toMatchObject({ mode: 'shared', outages: 1 });
    expect(ledger.state().reason).toBeUndefined();
  });

  it('looks again after ever longer pauses, by what it failed at first, one look at a time', async () => {
    shared.away = 'before';
    await ledger.reserve(asking({}));
    const looks = () => shared.attended.length;
    await pass(249);
    expect(looks()).toBe(0);
    await pass(1);
    expect(looks()).toBe(1);
    await pass(500);
    expect(looks()).toBe(2);
    await pass(1_000);
    expect(looks()).toBe(3);
    for (let look = 4; look < 9; look += 1) {
      await pass(1_500);
      expect(looks()).toBe(look);
    }
    expect(shared.attended).toEqual(Array.from({ length: 8 }, () => TARGET));
    expect(clock.armed).toBe(1);
  });

  it('goes on with longer pauses when it falls away again at once', async () => {
    await lose();
    await pass(250);
    await pass(500);
    await bringBack();
    await lose();
    const before = shared.attended.length;
    await pass(900);
    expect(shared.attended).toHaveLength(before);
    await pass(100);
    expect(shared.attended).toHaveLength(before + 1);
  });

  it('notices without any call, by its own look', async () => {
    await ledger.start();
    shared.away = 'before';
    await pass(5_000);
    expect(ledger.state().mode).toBe('away');
  });

  it('keeps one watch, whoever notices', async () => {
    await ledger.start();
    await lose();
    expect(clock.armed).toBe(1);
    ledger.close();
    expect(clock.armed).toBe(0);
  });

  it('begins away where it does not answer at the start', async () => {
    shared.away = 'before';
    await ledger.start();
    expect(ledger.state()).toMatchObject({ mode: 'away', outages: 1 });
    await bringBack();
    expect(ledger.state().mode).toBe('shared');
  });
});

describe('the rule `local`', () => {
  it('gives each replica its share of each limit, and never nothing of something', async () => {
    shared.attendance = { replicas: 4, remembered: true };
    await ledger.start();
    await lose();
    expect(await admitted({ requestsPerMinute: 10 }, 9)).toBe(2);
    expect(await admitted({ requestsPerDay: 2 }, 9)).toBe(1);
    expect(await admitted({ requestsPerDay: 0 }, 3)).toBe(0);
  });

  it('divides by the number that is assumed until replicas were counted', async () => {
    build({ assumedReplicas: 5 });
    await lose();
    expect(await admitted({ requestsPerMinute: 10 }, 9)).toBe(2);
  });

  it('goes on from what this replica let through before', async () => {
    const limits = { requestsPerMinute: 5, concurrentCalls: 3 };
    const calls = [asking(limits), asking(limits), asking(limits)];
    for (const call of calls) await ledger.reserve(call);
    await ledger.settle(calls[0]!, {});
    await lose();
    expect(await ledger.reserve(asking(limits))).toEqual(ADMITTED);
    expect(await ledger.reserve(asking(limits))).toMatchObject({ bucket: 'concurrentCalls' });
    expect(await useOf(ledger)).toMatchObject({ requestsPerMinute: { used: 4 } });
  });

  it('keeps marks that this replica set', async () => {
    await ledger.block(TARGET, 'requestsPerDay', 90_000, 'out');
    await lose();
    expect(await ledger.reserve(asking({}))).toMatchObject({ bucket: 'requestsPerDay', why: 'out' });
  });
});

describe('the rule `allow`', () => {
  it('lets everything through, and counts it', async () => {
    build({ whenRedisIsAway: 'allow' });
    await lose();
    expect(await admitted({ requestsPerMinute: 2 }, 7)).toBe(7);
    await bringBack();
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 7 } });
  });
});

describe('the rule `refuse`', () => {
  it('lets nothing through, and says when it looks again', async () => {
    build({ whenRedisIsAway: 'refuse' });
    await lose();
    await pass(100);
    expect(await ledger.reserve(asking({}))).toEqual({
      admitted: false,
      bucket: 'ledger',
      retryAfterMs: 150,
    });
  });

  it('has nothing to take back where nothing was counted', async () => {
    build({ whenRedisIsAway: 'refuse' });
    shared.away = 'before';
    await ledger.reserve(asking({ requestsPerMinute: 5 }));
    await bringBack();
    expect(ledger.state()).toMatchObject({ mode: 'shared', unmatchedSettlements: 0 });
  });

  it('takes back what may have been counted although the answer did not come', async () => {
    build({ whenRedisIsAway: 'refuse' });
    shared.away = 'after';
    const limits = { requestsPerMinute: 5 };
    expect(await ledger.reserve(asking(limits))).toMatchObject({ admitted: false });
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 1 } });
    await bringBack();
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 0 } });
    expect(ledger.state().unmatchedSettlements).toBe(0);
  });
});

describe('what happened meanwhile', () => {
  const limits = { requestsPerMinute: 50, inputTokensPerMinute: 1_000, requestsPerDay: 90 };

  it('is told before it decides again: calls, settlements and marks', async () => {
    const before = asking(limits, { inputTokens: 100 });
    await ledger.reserve(before);
    await lose();
    expect(await ledger.settle(before, { inputTokens: 40 })).toBe('deferred');
    const [settled, open, released] = [asking(limits, { inputTokens: 200 }), asking(limits), asking(limits)];
    for (const call of [settled, open, released]) await ledger.reserve(call);
    expect(await ledger.settle(settled, { inputTokens: 10 })).toBe('deferred');
    expect(await ledger.release(released)).toBe('deferred');
    await ledger.block(TARGET, 'imagesPerMinute', 90_000, 'cool');
    expect(ledger.state().arrears).toBe(5);
    await pass(249);
    shared.away = undefined;
    await pass(1);
    expect(await shared.within.snapshot(TARGET)).toMatchObject({
      openReservations: 1,
      buckets: { requestsPerMinute: { used: 3, reserved: 1 }, inputTokensPerMinute: { used: 50 } },
      marks: [{ bucket: 'imagesPerMinute', leftMs: 89_750, why: 'cool' }],
    });
    expect(ledger.state()).toMatchObject({ mode: 'shared', arrears: 0, unmatchedSettlements: 0 });
    expect(await ledger.settle(open, {})).toBe('settled');
  });

  it('counts from the time at which it was', async () => {
    await lose();
    await ledger.reserve(asking(limits));
    await pass(58_000);
    await ledger.reserve(asking(limits));
    shared.away = undefined;
    await pass(1_500);
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 2 } });
    await pass(2_000);
    expect(await useOf(shared.within)).toMatchObject({
      requestsPerMinute: { used: 1 },
      requestsPerDay: { used: 2 },
    });
  });

  it('expires when it would have, had it been counted at once', async () => {
    await lose();
    await ledger.reserve(asking(limits, {}, 60_000));
    await pass(30_000);
    await bringBack();
    expect(await shared.within.snapshot(TARGET)).toMatchObject({ openReservations: 1 });
    await pass(28_500);
    expect(await shared.within.snapshot(TARGET)).toMatchObject({ openReservations: 0 });
  });

  it('is counted once where it was counted already although the answer did not come', async () => {
    shared.away = 'after';
    const call = asking(limits);
    expect(await ledger.reserve(call)).toEqual(ADMITTED);
    await bringBack();
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 1 } });
    expect(await ledger.settle(call, {})).toBe('settled');
  });

  it('is settled once where it was settled already although the answer did not come', async () => {
    const call = asking(limits, { inputTokens: 100 });
    await ledger.reserve(call);
    shared.away = 'after';
    expect(await ledger.settle(call, { inputTokens: 250 })).toBe('deferred');
    await bringBack();
    expect(await useOf(shared.within)).toMatchObject({ inputTokensPerMinute: { used: 250 } });
    expect(ledger.state()).toMatchObject({ arrears: 0, unmatchedSettlements: 0 });
  });

  it('waits for the next look where it falls away again while it is told', async () => {
    await lose();
    for (let call = 0; call < 150; call += 1) await ledger.record(asking(limits), 0);
    let told = 0;
    const record = shared.within.record.bind(shared.within);
    shared.within.record = (reservation, ageMs) => {
      told += 1;
      if (told > 90) return Promise.reject(new Error('away again'));
      return record(reservation, ageMs);
    };
    await bringBack();
    expect(ledger.state()).toMatchObject({ mode: 'away', arrears: 150 - 80 });
    shared.within.record = record;
    await pass(1_500);
    expect(ledger.state()).toMatchObject({ mode: 'shared', arrears: 0 });
    expect(await useOf(shared.within)).toMatchObject({ requestsPerMinute: { used: 150 } });
  });

  it('is counted as lost where there is too much of it, the oldest first', async () => {
    await lose();
    for (let call = 0; call < 10_003; call += 1) await ledger.record(asking({ requestsPerDay: 9 }), 0);
    expect(ledger.state()).toMatchObject({ arrears: 10_000, lostArrears: 3 });
  });

  it('counts settlements of reservations that are not known any more', async () => {
    const call = asking(limits, {}, 1_000);
    await ledger.reserve(call);
    await lose();
    await ledger.settle(call, { inputTokens: 0 });
    await pass(60_000);
    await bringBack();
    expect(ledger.state().unmatchedSettlements).toBe(1);
  });
});
