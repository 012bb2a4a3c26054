import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { HedgeConfig } from '../../../src/routing/failover.config.js';
import { Hedging } from '../../../src/routing/hedging.js';
import { LatencyBook } from '../../../src/routing/latency-book.js';

const config = (values: Partial<HedgeConfig> = {}) => Object.assign(new HedgeConfig(), values);

describe('Hedging', () => {
  it('is due after what is usual on the target for such calls', () => {
    const latencies = new LatencyBook();
    const hedging = new Hedging(latencies);
    const due = (stream: boolean, target = 'p/m', values = {}) =>
      hedging.of('t', stream, config(values)).afterMs(target);
    const begins = (firstEventMs: number) =>
      latencies.observe('p/m', { stream: true, firstEventMs, totalMs: 1, outputTokens: 1 });
    for (let ms = 1; ms <= 19; ms += 1) begins(ms * 10);
    expect(due(true)).toBeUndefined();
    begins(200);
    expect([due(true), due(false), due(true, 'p/n')]).toEqual([200, undefined, undefined]);
    expect(due(true, 'p/m', { quantile: 0.5 })).toBe(110);
    expect(due(true, 'p/m', { quantile: 0.5, minDelayMs: 150 })).toBe(150);
  });

  it('never makes more second attempts than their share of the calls', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0.01, 0.05, 0.3),
        fc.array(fc.boolean(), { maxLength: 400 }),
        (maxShare, slow) => {
          const hedging = new Hedging(new LatencyBook());
          let made = 0;
          for (const [index, isSlow] of slow.entries()) {
            const hedge = hedging.of('t', true, config({ maxShare }));
            if (isSlow && hedge.take()) made += 1;
            expect(made).toBeLessThanOrEqual((index + 1) * maxShare);
          }
          const counts = slow.length === 0 ? [] : [{ task: 't', calls: slow.length, hedged: made }];
          expect(hedging.counts()).toEqual(counts);
        },
      ),
    );
  });

  it('makes as many as it may, each task for itself, and saves up few', () => {
    const hedging = new Hedging(new LatencyBook());
    const half = config({ maxShare: 0.5 });
    for (let call = 0; call < 1_000; call += 1) hedging.of('quiet', true, half);
    const taken = Array.from({ length: 20 }, () => hedging.of('quiet', true, half).take());
    expect(taken.filter(Boolean)).toHaveLength(19);
    expect(hedging.of('other', true, half).take()).toBe(false);
    expect(hedging.of('other', true, half).take()).toBe(true);
  });
});
