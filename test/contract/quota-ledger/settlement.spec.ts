import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { QuotaLedger } from '../../../src/quota/quota-ledger.port.js';
import { asking, ENGINES, type LedgerUnderTest, TARGET } from './engines.js';

const ADMITTED = { admitted: true };
const LIMITS = { inputTokensPerMinute: 100 };

describe.each(ENGINES)('settlement, in $name', (engine) => {
  let test: LedgerUnderTest;
  let ledger: QuotaLedger;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    test = await engine.open();
    ({ ledger } = test);
  });

  const tokens = async () => (await ledger.snapshot(TARGET)).buckets.inputTokensPerMinute;

  /** Takes tokens, and settles with others at once. */
  async function call(estimate: number, actual: number): Promise<void> {
    const reservation = asking(LIMITS, { inputTokens: estimate });
    expect(await ledger.reserve(reservation)).toEqual(ADMITTED);
    expect(await ledger.settle(reservation, { inputTokens: actual })).toBe('settled');
  }

  it('gives back what was not used, as long as the reservation counts', async () => {
    const early = asking(LIMITS, { inputTokens: 60 });
    const late = asking(LIMITS, { inputTokens: 40 }, { ttlMs: 300_000 });
    await ledger.reserve(early);
    await ledger.reserve(late);
    await test.advance(30_000);
    await ledger.settle(early, { inputTokens: 10 });
    expect(await tokens()).toMatchObject({ used: 50, reserved: 40 });
    await test.advance(31_000);
    await ledger.reserve(asking(LIMITS, { inputTokens: 70 }));
    await ledger.settle(late, { inputTokens: 0 });
    expect(await tokens()).toMatchObject({ used: 70, debt: 0 });
  });

  it('leaves what is not said as it was estimated', async () => {
    const limits = { requestsPerMinute: 5, inputTokensPerMinute: 100, imagesPerMinute: 9 };
    const reservation = asking(limits, { inputTokens: 60, images: 3 });
    await ledger.reserve(reservation);
    await ledger.settle(reservation, { images: 1 });
    expect(await ledger.snapshot(TARGET)).toMatchObject({
      openReservations: 0,
      buckets: {
        requestsPerMinute: { used: 1, reserved: 0 },
        inputTokensPerMinute: { used: 60, reserved: 0 },
        imagesPerMinute: { used: 1 },
      },
    });
  });

  it('undoes a released reservation', async () => {
    const limits = {
      ...LIMITS,
      requestsPerMinute: 1,
      requestsPerDay: 1,
      concurrentCalls: 1,
      nanoUsdPerTenMinutes: 5,
    };
    const reservation = asking(limits, { inputTokens: 100, nanoUsd: 5 });
    await ledger.reserve(reservation);
    expect(await ledger.release(reservation)).toBe('settled');
    expect(await ledger.reserve(asking(limits, { inputTokens: 100, nanoUsd: 5 }))).toEqual(ADMITTED);
  });

  it('settles once', async () => {
    const reservation = asking(LIMITS, { inputTokens: 50 });
    await ledger.reserve(reservation);
    expect(await ledger.settle(reservation, { inputTokens: 20 })).toBe('settled');
    expect(await ledger.settle(reservation, { inputTokens: 0 })).toBe('unknown');
    expect(await ledger.release(reservation)).toBe('unknown');
    expect(await tokens()).toMatchObject({ used: 20 });
    expect(await ledger.settle(asking(LIMITS), { inputTokens: 90 })).toBe('unknown');
    expect(await tokens()).toMatchObject({ used: 20, debt: 0 });
  });

  it('frees the place of a reservation that nobody settles, and counts its estimate', async () => {
    const limits = { ...LIMITS, requestsPerMinute: 9, concurrentCalls: 1 };
    const reservation = asking(limits, { inputTokens: 80 }, { ttlMs: 20_000 });
    await ledger.reserve(reservation);
    await test.advance(19_999);
    expect(await ledger.reserve(asking(limits))).toMatchObject({
      bucket: 'concurrentCalls',
      retryAfterMs: 1,
    });
    await test.advance(1);
    expect(await ledger.reserve(asking(limits))).toEqual(ADMITTED);
    expect(await ledger.settle(reservation, { inputTokens: 0 })).toBe('unknown');
    expect(await tokens()).toMatchObject({ used: 80, reserved: 0 });
  });

  describe('above the reservation', () => {
    it('takes of the room that there is, from the settlement on', async () => {
      const reservation = asking(LIMITS, { inputTokens: 10 });
      await ledger.reserve(reservation);
      await test.advance(30_000);
      await ledger.settle(reservation, { inputTokens: 50 });
      expect(await tokens()).toMatchObject({ used: 50, debt: 0, resetMs: 61_000 });
      await test.advance(31_000);
      expect(await tokens()).toMatchObject({ used: 40 });
    });

    it('makes a debt of what there is no room for, which admits nobody until it is paid', async () => {
      await call(100, 350);
      expect(await tokens()).toMatchObject({ used: 100, debt: 250 });
      const refused = { admitted: false, bucket: 'inputTokensPerMinute' };
      // 100 of it in each of the next two windows, 50 in the third, where 50 are left for others.
      expect(await ledger.reserve(asking(LIMITS, { inputTokens: 50 }))).toEqual({
        ...refused,
        retryAfterMs: 183_000,
      });
      expect(await ledger.reserve(asking(LIMITS, { inputTokens: 51 }))).toEqual({
        ...refused,
        retryAfterMs: 244_000,
      });
      await test.advance(182_999);
      expect(await ledger.reserve(asking(LIMITS, { inputTokens: 1 }))).toMatchObject({
        ...refused,
        retryAfterMs: 1,
      });
      await test.advance(1);
      expect(await ledger.reserve(asking(LIMITS, { inputTokens: 50 }))).toEqual(ADMITTED);
      expect(await tokens()).toMatchObject({ used: 100, debt: 0 });
    });

    it('is paid the same whether or not somebody asks meanwhile', async () => {
      await call(100, 320);
      for (let second = 0; second < 122; second += 1) {
        expect(await ledger.reserve(asking(LIMITS, { inputTokens: 1 }))).toMatchObject({ admitted: false });
        await test.advance(1_000);
      }
      expect(await tokens()).toMatchObject({ used: 100, debt: 20 });
      await test.advance(61_000);
      expect(await tokens()).toMatchObject({ used: 20, debt: 0 });
    });

    it('is not forgiven when its window ends, nor the day', async () => {
      const limits = { inputTokensPerDay: 1_000 };
      const reservation = asking(limits, { inputTokens: 900 });
      await ledger.reserve(reservation);
      await ledger.settle(reservation, { inputTokens: 2_400 });
      const day = async () => (await ledger.snapshot(TARGET)).buckets.inputTokensPerDay;
      expect(await day()).toMatchObject({ used: 1_000, debt: 1_400 });
      await test.advance(12 * 3_600_000);
      expect(await day()).toMatchObject({ used: 1_000, debt: 400 });
      await test.advance(24 * 3_600_000);
      expect(await day()).toMatchObject({ used: 400, debt: 0 });
      expect(await ledger.reserve(asking(limits, { inputTokens: 601 }))).toMatchObject({ admitted: false });
      expect(await ledger.reserve(asking(limits, { inputTokens: 600 }))).toEqual(ADMITTED);
    });

    it('is paid by what others give back', async () => {
      const other = asking(LIMITS, { inputTokens: 60 });
      await ledger.reserve(other);
      await call(40, 90);
      expect(await tokens()).toMatchObject({ used: 100, debt: 50 });
      await ledger.settle(other, { inputTokens: 20 });
      expect(await tokens()).toMatchObject({ used: 100, debt: 10 });
    });

    it('adds up', async () => {
      const calls = [asking(LIMITS, { inputTokens: 50 }), asking(LIMITS, { inputTokens: 50 })];
      for (const each of calls) await ledger.reserve(each);
      for (const each of calls) await ledger.settle(each, { inputTokens: 80 });
      expect(await tokens()).toMatchObject({ used: 100, debt: 60 });
    });

    it('counts late settlements in full, though their window is over', async () => {
      const reservation = asking(LIMITS, { inputTokens: 10 }, { ttlMs: 400_000 });
      await ledger.reserve(reservation);
      await test.advance(200_000);
      await ledger.settle(reservation, { inputTokens: 70 });
      expect(await tokens()).toMatchObject({ used: 60, debt: 0 });
    });

    it('pays large debts after long silence in no time', async () => {
      const limits = { nanoUsdPerTenMinutes: 1_000 };
      const reservation = asking(limits, { nanoUsd: 1_000 });
      await ledger.reserve(reservation);
      await ledger.settle(reservation, { nanoUsd: 100_000_000 });
      await test.advance(5 * 86_400_000);
      const { debt } = (await ledger.snapshot(TARGET)).buckets.nanoUsdPerTenMinutes!;
      // 1,000 every 610 seconds.
      expect(debt).toBe(100_000_000 - 1_000 - 1_000 * Math.floor((5 * 86_400) / 610));
      const decision = await ledger.reserve(asking(limits, { nanoUsd: 1_000 }));
      expect(decision).toMatchObject({ admitted: false, bucket: 'nanoUsdPerTenMinutes' });
    });
  });
});
