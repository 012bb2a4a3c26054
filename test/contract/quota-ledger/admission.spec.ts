import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { QuotaLedger, QuotaLimits, QuotaUse } from '../../../src/quota/quota-ledger.port.js';
import { asking, ENGINES, type LedgerUnderTest, TARGET } from './engines.js';

const ADMITTED = { admitted: true };

describe.each(ENGINES)('admission, in $name', (engine) => {
  let test: LedgerUnderTest;
  let ledger: QuotaLedger;
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());
  beforeEach(async () => {
    test = await engine.open();
    ({ ledger } = test);
  });

  it.each<[string, QuotaLimits, Partial<QuotaUse>, number]>([
    ['requestsPerMinute', { requestsPerMinute: 3 }, {}, 61_000],
    ['inputTokensPerMinute', { inputTokensPerMinute: 300 }, { inputTokens: 100 }, 61_000],
    ['imagesPerMinute', { imagesPerMinute: 6 }, { images: 2 }, 61_000],
    ['nanoUsdPerTenMinutes', { nanoUsdPerTenMinutes: 3_000_000_000_000 }, { nanoUsd: 1e12 }, 610_000],
    ['requestsPerDay', { requestsPerDay: 3 }, {}, 43_200_000],
    ['inputTokensPerDay', { inputTokensPerDay: 3e14 }, { inputTokens: 1e14 }, 43_200_000],
    ['concurrentCalls', { concurrentCalls: 3 }, {}, 60_000],
  ])('%s lets its limit through, and says when there is room again', async (bucket, limits, use, wait) => {
    for (let call = 0; call < 3; call += 1)
      expect(await ledger.reserve(asking(limits, use))).toEqual(ADMITTED);
    const refused = { admitted: false, bucket, retryAfterMs: wait };
    expect(await ledger.reserve(asking(limits, use))).toEqual(refused);
    await test.advance(wait - 1);
    expect(await ledger.reserve(asking(limits, use))).toEqual({ ...refused, retryAfterMs: 1 });
    await test.advance(1);
    expect(await ledger.reserve(asking(limits, use))).toEqual(ADMITTED);
  });

  it('waits no longer than for the room that the call needs', async () => {
    const limits = { inputTokensPerMinute: 100 };
    await ledger.reserve(asking(limits, { inputTokens: 30 }));
    await test.advance(5_000);
    await ledger.reserve(asking(limits, { inputTokens: 60 }));
    const small = await ledger.reserve(asking(limits, { inputTokens: 40 }));
    expect(small).toMatchObject({ retryAfterMs: 56_000 });
    expect(await ledger.reserve(asking(limits, { inputTokens: 41 }))).toMatchObject({ retryAfterMs: 61_000 });
    expect(await ledger.reserve(asking(limits, { inputTokens: 10 }))).toEqual(ADMITTED);
  });

  it('names of several buckets the one that must be waited for longest', async () => {
    const limits = { requestsPerMinute: 1, nanoUsdPerTenMinutes: 10, concurrentCalls: 1 };
    await ledger.reserve(asking(limits, { nanoUsd: 10 }));
    const refused = { admitted: false, bucket: 'nanoUsdPerTenMinutes', retryAfterMs: 610_000 };
    expect(await ledger.reserve(asking(limits, { nanoUsd: 1 }))).toEqual(refused);
    expect(await ledger.reserve(asking(limits))).toMatchObject({ bucket: 'requestsPerMinute' });
  });

  it('counts nothing for what it refuses', async () => {
    const limits = { requestsPerMinute: 2, inputTokensPerMinute: 100, concurrentCalls: 9 };
    await ledger.reserve(asking(limits, { inputTokens: 90 }));
    const before = await ledger.snapshot(TARGET);
    for (let call = 0; call < 5; call += 1)
      expect(await ledger.reserve(asking(limits, { inputTokens: 11 }))).toMatchObject({ admitted: false });
    expect(await ledger.snapshot(TARGET)).toEqual(before);
    expect(await ledger.reserve(asking(limits, { inputTokens: 10 }))).toEqual(ADMITTED);
  });

  it.each([
    ['more than the limit at once', { inputTokensPerMinute: 100 }, 'inputTokensPerMinute'],
    ['a limit of 0', { requestsPerDay: 0 }, 'requestsPerDay'],
    ['no place at all', { concurrentCalls: 0 }, 'concurrentCalls'],
  ])('says of %s that no wait helps', async (_, limits, bucket) => {
    const decision = await ledger.reserve(asking(limits, { inputTokens: 101 }));
    expect(decision).toEqual({ admitted: false, bucket, retryAfterMs: Infinity });
  });

  it('counts an id once, while it is open and for ten seconds after its settlement', async () => {
    const limits = { requestsPerMinute: 1, concurrentCalls: 1 };
    const call = asking(limits);
    expect(await ledger.reserve(call)).toEqual(ADMITTED);
    expect(await ledger.reserve(call)).toEqual(ADMITTED);
    await ledger.settle(call, {});
    await test.advance(9_999);
    expect(await ledger.reserve(call)).toEqual(ADMITTED);
    expect(await ledger.snapshot(TARGET)).toMatchObject({
      openReservations: 0,
      buckets: { requestsPerMinute: { used: 1 } },
    });
    await test.advance(1);
    expect(await ledger.reserve(call)).toMatchObject({ bucket: 'requestsPerMinute' });
  });

  it('does not count what has no limit, nor what a call does not use', async () => {
    await ledger.reserve(asking({ requestsPerMinute: 5, imagesPerMinute: 5 }, { inputTokens: 7 }));
    const { buckets } = await ledger.snapshot(TARGET);
    expect(Object.keys(buckets)).toEqual(['requestsPerMinute']);
    await ledger.reserve(asking({ imagesPerMinute: 5 }, { images: 5 }));
    // A full bucket is nothing to a call that asks nothing of it.
    expect(await ledger.reserve(asking({ imagesPerMinute: 5 }))).toEqual(ADMITTED);
  });

  it.each([
    ['project', { project: 'q' }],
    ['location', { location: 'europe-west4' }],
    ['model', { model: 'gemini-3.5-flash-lite' }],
    ['model with a strange name', { model: 'a}b{c d/ü:open' }],
    ['place for the slash', { project: 'p/global', location: '' }],
  ])('counts another %s apart', async (_, other) => {
    const limits = { requestsPerMinute: 1 };
    const target = { ...TARGET, ...other };
    expect(await ledger.reserve(asking(limits))).toEqual(ADMITTED);
    expect(await ledger.reserve(asking(limits, {}, { target }))).toEqual(ADMITTED);
    expect(await ledger.reserve(asking(limits, {}, { target }))).toMatchObject({ admitted: false });
  });

  it('goes by the limits of each reservation', async () => {
    for (let call = 0; call < 3; call += 1) await ledger.reserve(asking({ requestsPerMinute: 3 }));
    expect(await ledger.reserve(asking({ requestsPerMinute: 3 }))).toMatchObject({ admitted: false });
    expect(await ledger.reserve(asking({ requestsPerMinute: 4 }))).toEqual(ADMITTED);
    expect(await ledger.reserve(asking({ requestsPerMinute: 2 }))).toMatchObject({ retryAfterMs: 61_000 });
  });

  it.each<[string, (ledger: QuotaLedger) => Promise<unknown>]>([
    ['negative use', (l) => l.reserve(asking({}, { inputTokens: -1 }))],
    ['a part of a token', (l) => l.reserve(asking({}, { inputTokens: 0.5 }))],
    ['use that is no number', (l) => l.reserve(asking({}, { nanoUsd: NaN }))],
    ['a negative limit', (l) => l.reserve(asking({ requestsPerMinute: -1 }))],
    ['an absurd limit', (l) => l.reserve(asking({ requestsPerMinute: 1e16 }))],
    ['no time to live', (l) => l.reserve(asking({}, {}, { ttlMs: 0 }))],
    ['more than a day to live', (l) => l.reserve(asking({}, {}, { ttlMs: 86_400_001 }))],
    ['no id', (l) => l.reserve(asking({}, {}, { id: '' }))],
    ['negative use in a settlement', (l) => l.settle(asking({}), { inputTokens: -5 })],
    ['negative use in a record', (l) => l.record(asking({}, { images: -1 }), 0)],
    ['a record of the future', (l) => l.record(asking({}), -1)],
    ['a mark for no time that there is', (l) => l.block(TARGET, 'target', NaN, 'why')],
  ])('rejects %s', async (_, ask) => {
    await expect(ask(ledger)).rejects.toThrow(RangeError);
    expect(await ledger.snapshot(TARGET)).toEqual({ buckets: {}, openReservations: 0, marks: [] });
  });

  describe('marks', () => {
    it('refuse until they end, with their reason, whatever is counted', async () => {
      await ledger.block(TARGET, 'requestsPerDay', 5_000, 'Google said so');
      const refused = { admitted: false, bucket: 'requestsPerDay', why: 'Google said so' };
      expect(await ledger.reserve(asking({}))).toEqual({ ...refused, retryAfterMs: 5_000 });
      await test.advance(4_999);
      expect(await ledger.reserve(asking({ requestsPerDay: 9 }))).toEqual({ ...refused, retryAfterMs: 1 });
      await test.advance(1);
      expect(await ledger.reserve(asking({}))).toEqual(ADMITTED);
    });

    it('stay as long as the time that the ledger goes by stands still, whatever passes beside it', async () => {
      await ledger.block(TARGET, 'target', 5, 'brief');
      const untilMs = performance.now() + 25;
      do expect((await ledger.snapshot(TARGET)).marks).toMatchObject([{ leftMs: 5 }]);
      while (performance.now() < untilMs);
    });

    it('stay when a shorter one comes, and give way to a longer one', async () => {
      await ledger.block(TARGET, 'target', 5_000, 'first');
      await ledger.block(TARGET, 'target', 4_000, 'shorter');
      expect(await ledger.reserve(asking({}))).toMatchObject({ retryAfterMs: 5_000, why: 'first' });
      await ledger.block(TARGET, 'target', 6_000, 'longer');
      expect(await ledger.reserve(asking({}))).toMatchObject({ retryAfterMs: 6_000, why: 'longer' });
    });

    it('can be taken away, each by itself', async () => {
      await ledger.block(TARGET, 'target', 5_000, 'closed');
      await ledger.block(TARGET, 'concurrentCalls', 9_000, 'shy');
      await ledger.block(TARGET, 'concurrentCalls', 0, '');
      expect(await ledger.reserve(asking({}))).toMatchObject({ bucket: 'target', why: 'closed' });
      await ledger.block(TARGET, 'target', 0, '');
      expect(await ledger.reserve(asking({}))).toEqual(ADMITTED);
    });

    it('stay for a month at most, however long they are asked for', async () => {
      await ledger.block(TARGET, 'target', Infinity, 'w'.repeat(1_000));
      const refusal = { retryAfterMs: 31 * 86_400_000, why: 'w'.repeat(300) };
      expect(await ledger.reserve(asking({}))).toMatchObject(refusal);
    });

    it('are seen, and concern their own target alone', async () => {
      await ledger.block(TARGET, 'inputTokensPerMinute', 51_386.19, 'Please retry;in 51s.\nSee the docs: é');
      const [mark] = (await ledger.snapshot(TARGET)).marks;
      expect(mark).toMatchObject({
        bucket: 'inputTokensPerMinute',
        why: 'Please retry;in 51s.\nSee the docs: é',
      });
      expect(Math.ceil(mark!.leftMs)).toBe(51_387);
      const target = { ...TARGET, model: 'other' };
      expect(await ledger.reserve(asking({}, {}, { target }))).toEqual(ADMITTED);
    });
  });

  describe('what was let through without asking', () => {
    it('counts from the time at which it was', async () => {
      const limits = { requestsPerMinute: 2, requestsPerDay: 9 };
      await test.advance(120_000);
      await ledger.record(asking(limits), 50_000);
      await ledger.record(asking(limits), 70_000);
      await ledger.record(asking(limits), 0);
      expect(await ledger.snapshot(TARGET)).toMatchObject({
        buckets: { requestsPerMinute: { used: 2 }, requestsPerDay: { used: 3 } },
      });
      expect(await ledger.reserve(asking(limits))).toMatchObject({ retryAfterMs: 11_000 });
    });

    it('counts beyond the limit, and is no debt', async () => {
      const limits = { inputTokensPerMinute: 100 };
      await ledger.record(asking(limits, { inputTokens: 900 }), 0);
      expect((await ledger.snapshot(TARGET)).buckets.inputTokensPerMinute).toMatchObject({
        used: 900,
        debt: 0,
      });
      expect(await ledger.reserve(asking(limits, { inputTokens: 1 }))).toMatchObject({
        retryAfterMs: 61_000,
      });
    });

    it('is counted once, and settled like everything else', async () => {
      const limits = { requestsPerMinute: 5, inputTokensPerMinute: 100 };
      const call = asking(limits, { inputTokens: 50 });
      await ledger.record(call, 0);
      await ledger.record(call, 0);
      expect(await ledger.reserve(call)).toEqual(ADMITTED);
      expect(await ledger.settle(call, { inputTokens: 20 })).toBe('settled');
      await ledger.record(call, 0);
      expect(await ledger.snapshot(TARGET)).toMatchObject({
        openReservations: 0,
        buckets: { requestsPerMinute: { used: 1 }, inputTokensPerMinute: { used: 20 } },
      });
    });
  });
});
