import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DailyAllowance } from '../../../src/routing/daily-allowance.js';

const NOON_MS = Date.parse('2026-11-20T12:00:00Z');
const DAY_MS = 86_400_000;

describe('DailyAllowance', () => {
  it('sets aside up to the cap, and no more', () => {
    const allowance = new DailyAllowance();
    expect(allowance.reserve(60, 100, NOON_MS)).toBeDefined();
    expect(allowance.reserve(41, 100, NOON_MS)).toBeUndefined();
    expect(allowance.reserve(40, 100, NOON_MS)).toBeDefined();
    expect(allowance.spentNanoUsd(NOON_MS)).toBe(0);
  });

  it('gives back what was set aside and not spent, once', () => {
    const allowance = new DailyAllowance();
    const reservation = allowance.reserve(100, 100, NOON_MS);
    reservation?.settle(30);
    reservation?.settle(30);
    expect(allowance.spentNanoUsd(NOON_MS)).toBe(30);
    expect(allowance.reserve(71, 100, NOON_MS)).toBeUndefined();
    expect(allowance.reserve(70, 100, NOON_MS)).toBeDefined();
  });

  it('begins anew with each UTC day; what was set aside before counts there', () => {
    const allowance = new DailyAllowance();
    const midnightMs = Date.parse('2026-11-21T00:00:00Z');
    const late = allowance.reserve(100, 100, midnightMs - 1);
    expect(allowance.reserve(100, 100, midnightMs)).toBeDefined();
    late?.settle(80);
    expect(allowance.spentNanoUsd(midnightMs)).toBe(0);
  });

  it('does not begin anew when the clock is set back', () => {
    const allowance = new DailyAllowance();
    allowance.reserve(100, 100, NOON_MS)?.settle(100);
    expect(allowance.reserve(1, 100, NOON_MS - DAY_MS)).toBeUndefined();
  });

  it('keeps each day within the cap while what is set aside is enough, and within the excess where it is not', () => {
    const step = fc.record({
      set: fc.nat(60),
      excess: fc.oneof(fc.constant(0), fc.nat(30)),
      passMs: fc.nat(DAY_MS / 4),
      settles: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.nat(100), fc.array(step, { maxLength: 40 }), (cap, steps) => {
        const allowance = new DailyAllowance();
        const spent = new Map<number, number>();
        const open: (() => void)[] = [];
        // More can pass the cap only where the calls under way at the time use more than was set aside for them.
        const excess = new Map<number, number>();
        let nowMs = NOON_MS;
        for (const { set, excess: more, passMs, settles } of steps) {
          nowMs += passMs;
          const day = Math.floor(nowMs / DAY_MS);
          const reservation = allowance.reserve(set, cap, nowMs);
          if (reservation !== undefined)
            open.push(() => {
              reservation.settle(set + more);
              spent.set(day, (spent.get(day) ?? 0) + set + more);
              excess.set(day, (excess.get(day) ?? 0) + more);
            });
          for (const settle of open.splice(settles % (open.length + 1), 1)) settle();
          expect(allowance.spentNanoUsd(nowMs)).toBe(spent.get(day) ?? 0);
        }
        for (const settle of open) settle();
        for (const [day, sum] of spent) expect(sum).toBeLessThanOrEqual(cap + (excess.get(day) ?? 0));
      }),
    );
  });

  it('passes the cap by one excess at most where calls come one after another', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.array(fc.tuple(fc.nat(40), fc.nat(40))), (cap, calls) => {
        const allowance = new DailyAllowance();
        let largestExcess = 0;
        for (const [set, excess] of calls) {
          const reservation = allowance.reserve(set, cap, NOON_MS);
          if (reservation === undefined) continue;
          reservation.settle(set + excess);
          largestExcess = Math.max(largestExcess, excess);
        }
        expect(allowance.spentNanoUsd(NOON_MS)).toBeLessThanOrEqual(cap + largestExcess);
      }),
    );
  });
});
