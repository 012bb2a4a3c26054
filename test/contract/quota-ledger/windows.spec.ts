import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { asking, ENGINES } from './engines.js';

interface Use {
  readonly atMs: number;
  readonly amount: number;
}

/** Largest sum of any span of so many milliseconds. */
function densest(uses: readonly Use[], spanMs: number): number {
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const use of uses) {
    sum += use.amount;
    while (uses[first]!.atMs <= use.atMs - spanMs) {
      sum -= uses[first]!.amount;
      first += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}

const LIMIT = 60;
const SPANS = { inputTokensPerMinute: 60_000, nanoUsdPerTenMinutes: 600_000 } as const;

describe.each(ENGINES)('sliding windows, in $name', (engine) => {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  it.each(Object.entries(SPANS))(
    '%s: no span, however it lies, sees more than the limit',
    async (bucket, spanMs) => {
      const limits = { [bucket]: LIMIT };
      const arrival = fc.record({
        afterMs: fc.nat(Math.floor(spanMs / 8)),
        amount: fc.integer({ min: 1, max: 30 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(arrival, { minLength: 20, maxLength: 80, size: 'max' }),
          async (arrivals) => {
            const { ledger, clock, advance } = await engine.open();
            const admitted: Use[] = [];
            for (const { afterMs, amount } of arrivals) {
              await advance(afterMs);
              const decision = await ledger.reserve(asking(limits, { inputTokens: amount, nanoUsd: amount }));
              if (decision.admitted) admitted.push({ atMs: clock.monotonicMs(), amount });
            }
            expect(densest(admitted, spanMs)).toBeLessThanOrEqual(LIMIT);
          },
        ),
        { numRuns: 25 },
      );
    },
  );

  it('admits nearly the limit under steady demand', async () => {
    const { ledger, clock, advance } = await engine.open();
    const limits = { requestsPerMinute: LIMIT };
    const admitted: Use[] = [];
    while (clock.monotonicMs() < 600_000) {
      if ((await ledger.reserve(asking(limits))).admitted)
        admitted.push({ atMs: clock.monotonicMs(), amount: 1 });
      await advance(487);
    }
    expect(admitted.length).toBeGreaterThanOrEqual(0.95 * LIMIT * 10);
    expect(densest(admitted, 60_000)).toBeLessThanOrEqual(LIMIT);
  });

  it('admits nearly the limit when everybody comes back the moment that there is room', async () => {
    const { ledger, clock, advance } = await engine.open();
    const limits = { requestsPerMinute: LIMIT };
    const admitted: Use[] = [];
    while (clock.monotonicMs() < 610_000) {
      const decision = await ledger.reserve(asking(limits));
      if (decision.admitted) admitted.push({ atMs: clock.monotonicMs(), amount: 1 });
      else await advance(decision.retryAfterMs);
    }
    expect(admitted.length).toBe(LIMIT * 10);
    expect(densest(admitted, 60_000)).toBe(LIMIT);
  });

  it('uses no more than the limit in the long run, debts included', async () => {
    const { ledger, clock, advance } = await engine.open();
    const limits = { inputTokensPerMinute: LIMIT };
    let used = 0;
    for (let call = 0; clock.monotonicMs() < 1_800_000; call += 1) {
      const asked = asking(limits, { inputTokens: 10 });
      const decision = await ledger.reserve(asked);
      const actual = 5 + ((call * 7) % 23);
      if (decision.admitted) {
        await ledger.settle(asked, { inputTokens: actual });
        used += actual;
      }
      await advance(911);
    }
    // The last call before a full window may leave a debt that is not paid yet.
    expect(used).toBeLessThanOrEqual(LIMIT * 31 + 17);
    expect(used).toBeGreaterThanOrEqual(0.95 * LIMIT * 30);
  });

  it('are neither emptied nor held by a clock that is set back', async () => {
    const test = await engine.open();
    const limits = { requestsPerMinute: 2 };
    await test.ledger.reserve(asking(limits));
    await test.advance(10_000);
    await test.ledger.reserve(asking(limits));
    await test.setWall(test.clock.wallMs() - 3_600_000);
    expect(await test.ledger.reserve(asking(limits))).toMatchObject({ retryAfterMs: 51_000 });
    await test.advance(51_000);
    expect(await test.ledger.reserve(asking(limits))).toEqual({ admitted: true });
    expect(await test.ledger.reserve(asking(limits))).toMatchObject({ retryAfterMs: 10_000 });
  });
});
