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
    demand.admitted('p/m', urgent / 60, true);
    demand.admitted('p/m', others / 60, false);
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
          demand.admitted('p/m', cost, urgent);
          clock.advance(thenMs);
          expect(demand.reserved('p/m')).toBeGreaterThanOrEqual(0);
          expect(demand.reserved('p/m')).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
