import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { asking, ENGINES, TARGET } from './engines.js';

const HOUR_MS = 3_600_000;
const ADMITTED = { admitted: true };
const limits = { requestsPerDay: 2 };

describe.each(ENGINES)('days, in $name', (engine) => {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  it.each([
    ['in winter', '2026-01-15T10:00:00-08:00', 14],
    ['in summer', '2026-07-15T10:00:00-07:00', 14],
    ['on the day that loses an hour', '2026-03-08T00:00:00-08:00', 23],
    ['in the hour before one is lost', '2026-03-08T01:00:00-08:00', 22],
    ['on the day that gains an hour', '2026-11-01T00:00:00-07:00', 25],
    ['in the hour that comes twice, the first time', '2026-11-01T01:00:00-07:00', 24],
    ['in the hour that comes twice, the second time', '2026-11-01T01:00:00-08:00', 23],
    ['at the end of a month', '2026-04-30T23:00:00-07:00', 1],
    ['at the end of a leap February', '2028-02-29T22:00:00-08:00', 2],
    ['at the end of a year', '2026-12-31T12:00:00-08:00', 12],
  ])('end at midnight in Los Angeles: %s', async (_, moment, hours) => {
    const { ledger, advance } = await engine.open(Date.parse(moment));
    for (let call = 0; call < 2; call += 1) expect(await ledger.reserve(asking(limits))).toEqual(ADMITTED);
    const refused = { admitted: false, bucket: 'requestsPerDay' };
    expect(await ledger.reserve(asking(limits))).toEqual({ ...refused, retryAfterMs: hours * HOUR_MS });
    await advance(hours * HOUR_MS - 1);
    expect(await ledger.reserve(asking(limits))).toEqual({ ...refused, retryAfterMs: 1 });
    await advance(1);
    expect(await ledger.reserve(asking(limits))).toEqual(ADMITTED);
    expect((await ledger.snapshot(TARGET)).buckets.requestsPerDay).toMatchObject({ used: 1 });
  });

  it('do not give back to today what yesterday reserved too much', async () => {
    const { ledger, advance } = await engine.open(Date.parse('2026-07-15T23:59:50-07:00'));
    const late = asking(limits);
    await ledger.reserve(late);
    await advance(20_000);
    for (let call = 0; call < 2; call += 1) await ledger.reserve(asking(limits));
    await ledger.release(late);
    expect((await ledger.snapshot(TARGET)).buckets.requestsPerDay).toMatchObject({ used: 2 });
  });

  it('put what was let through before midnight into the day that it was in', async () => {
    const { ledger } = await engine.open(Date.parse('2026-07-16T00:00:30-07:00'));
    await ledger.record(asking(limits), 31_000);
    await ledger.record(asking(limits), 29_000);
    expect((await ledger.snapshot(TARGET)).buckets.requestsPerDay).toMatchObject({ used: 1 });
  });

  it('do not begin again when the clock is set back over midnight', async () => {
    const test = await engine.open(Date.parse('2026-07-16T00:10:00-07:00'));
    for (let call = 0; call < 2; call += 1) await test.ledger.reserve(asking(limits));
    await test.setWall(test.clock.wallMs() - HOUR_MS);
    const refused = { admitted: false, retryAfterMs: 24 * HOUR_MS + 50 * 60_000 };
    expect(await test.ledger.reserve(asking(limits))).toMatchObject(refused);
    await test.advance(HOUR_MS);
    expect(await test.ledger.reserve(asking(limits))).toMatchObject({ admitted: false });
    expect((await test.ledger.snapshot(TARGET)).buckets.requestsPerDay).toMatchObject({ used: 2 });
  });

  it('begin early once when the clock is set ahead over midnight, and not again at midnight', async () => {
    const test = await engine.open(Date.parse('2026-07-15T23:30:00-07:00'));
    await test.ledger.reserve(asking(limits));
    await test.setWall(test.clock.wallMs() + HOUR_MS);
    for (let call = 0; call < 2; call += 1)
      expect(await test.ledger.reserve(asking(limits))).toEqual(ADMITTED);
    await test.setWall(test.clock.wallMs() - HOUR_MS);
    await test.advance(HOUR_MS);
    expect(await test.ledger.reserve(asking(limits))).toMatchObject({ admitted: false });
  });
});
