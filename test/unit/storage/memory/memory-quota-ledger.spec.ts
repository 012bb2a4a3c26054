import { beforeEach, describe, expect, it } from '@jest/globals';
import type { QuotaLimits, QuotaTarget, Reservation } from '../../../../src/quota/quota-ledger.port.js';
import { MemoryQuotaLedger } from '../../../../src/storage/memory/memory-quota-ledger.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const HOUR_MS = 3_600_000;
const TARGET: QuotaTarget = { project: 'p', location: 'global', model: 'm' };

let clock: ManualClock;
let made = 0;
beforeEach(() => {
  clock = new ManualClock(Date.UTC(2026, 6, 15, 19));
});

function asking(limits: QuotaLimits, more: Partial<Reservation> = {}): Reservation {
  made += 1;
  const estimate = { requests: 1, inputTokens: 0, images: 0, nanoUsd: 0 };
  return { id: `c${made}`, target: TARGET, estimate, limits, ttlMs: 60_000, ...more };
}

const model = (name: string): QuotaTarget => ({ ...TARGET, model: name });

describe('MemoryQuotaLedger', () => {
  it('forgets the target that was asked for least recently, beyond its bound', async () => {
    const ledger = new MemoryQuotaLedger(clock, { targets: 2, openReservations: 9 });
    const limits = { requestsPerMinute: 1 };
    for (const name of ['a', 'b', 'a', 'c']) await ledger.reserve(asking(limits, { target: model(name) }));
    expect(ledger.targets).toBe(2);
    expect(await ledger.reserve(asking(limits, { target: model('a') }))).toMatchObject({ admitted: false });
    expect(await ledger.reserve(asking(limits, { target: model('b') }))).toEqual({ admitted: true });
  });

  it('lets the reservation expire that would first, beyond its bound, and keeps its use', async () => {
    const ledger = new MemoryQuotaLedger(clock, { targets: 9, openReservations: 2 });
    const limits = { requestsPerMinute: 9 };
    const calls = [30_000, 10_000, 20_000].map((ttlMs) => asking(limits, { ttlMs }));
    for (const call of calls) await ledger.reserve(call);
    expect(await ledger.snapshot(TARGET)).toMatchObject({
      openReservations: 2,
      buckets: { requestsPerMinute: { used: 3, reserved: 2 } },
    });
    expect(await ledger.settle(calls[1]!, {})).toBe('unknown');
    expect(await ledger.settle(calls[0]!, {})).toBe('settled');
  });

  it('counts minutes by a clock that nobody sets', async () => {
    const ledger = new MemoryQuotaLedger(clock);
    const limits = { requestsPerMinute: 1, nanoUsdPerTenMinutes: 9 };
    await ledger.reserve(asking(limits));
    for (const stepMs of [HOUR_MS, -2 * HOUR_MS, HOUR_MS]) {
      clock.setWall(clock.wallMs() + stepMs);
      expect(await ledger.reserve(asking(limits))).toMatchObject({ retryAfterMs: 61_000 });
    }
  });

  it('expires reservations by the same clock', async () => {
    const ledger = new MemoryQuotaLedger(clock);
    await ledger.reserve(asking({ concurrentCalls: 1 }));
    clock.setWall(clock.wallMs() + HOUR_MS);
    expect(await ledger.reserve(asking({ concurrentCalls: 1 }))).toMatchObject({ retryAfterMs: 60_000 });
  });
});
