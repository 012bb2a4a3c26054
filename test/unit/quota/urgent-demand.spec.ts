import { beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { UrgentDemand } from '../../../src/quota/urgent-demand.js';
import { ManualClock } from '../../helpers/manual-clock.js';

let clock: ManualClock;
let demand: UrgentDemand;
beforeEach(() => {
  clock = new ManualClock();
  demand = new UrgentDemand(clock);
});

/** Seconds in which urgent calls and others take so much of a minute's quota each. */
function seconds(count: number, urgent: number, others: number): void {
  for (let second = 0; second < count; second += 1) {
    demand.taken('p/m', (urgent + others) / 60);
    if (urgent > 0) demand.wanted(['p/m'], urgent / 60);
    clock.advance(1_000);
  }
}

describe('UrgentDemand', () => {
  it('sets nothing aside where nothing is urgent', () => {
    seconds(30, 0, 2);
    expect(demand.reserved('p/m')).toBe(0);
    expect(demand.reserved('other/m')).toBe(0);
  });

  it('sets aside after a burst what urgent calls take until room comes free', () => {
    seconds(20, 0.5, 1.5);
    // Half of an even use, for 40 seconds.
    expect(demand.reserved('p/m')).toBeCloseTo((0.5 * 40) / 60, 1);
    seconds(20, 0.5, 0);
    expect(demand.reserved('p/m')).toBeCloseTo((0.5 * 20) / 60, 1);
  });

  it('sets next to nothing aside under even use', () => {
    seconds(180, 0.6, 0.4);
    expect(demand.reserved('p/m')).toBeLessThan(0.07);
  });

  it('counts a call that might have gone elsewhere in equal parts for all', () => {
    for (let second = 0; second < 10; second += 1) {
      demand.taken('p/m', 0.01);
      demand.wanted(['p/m', 'q/m'], 0.01);
      clock.advance(1_000);
    }
    expect(demand.reserved('q/m')).toBeGreaterThan(0.2);
    // What was taken of the one comes free in time for its share.
    expect(demand.reserved('p/m')).toBeCloseTo(demand.reserved('q/m'), 1);
    expect(demand.reserved('r/m')).toBe(0);
  });

  it('forgets demand that is over', () => {
    seconds(20, 1, 0);
    clock.advance(31_000);
    expect(demand.reserved('p/m')).toBe(0);
  });

  it('is from 0 to 1, whatever happens', () => {
    const acts = fc.array(
      fc.record({
        cost: fc.double({ min: 0, max: 1, noNaN: true }),
        urgent: fc.boolean(),
        thenMs: fc.nat(20_000),
      }),
    );
    fc.assert(
      fc.property(acts, (calls) => {
        clock = new ManualClock();
        demand = new UrgentDemand(clock);
        for (const { cost, urgent, thenMs } of calls) {
          demand.taken('p/m', cost);
          if (urgent) demand.wanted(['p/m', 'q/m'], cost);
          clock.advance(thenMs);
          expect(demand.reserved('p/m')).toBeGreaterThanOrEqual(0);
          expect(demand.reserved('p/m')).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
