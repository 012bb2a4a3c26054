import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { msUntilPacificMidnight, pacificDay, pacificDayOf } from '../../../src/core/pacific-day.js';

const HOUR_MS = 3_600_000;

describe('msUntilPacificMidnight', () => {
  it.each([
    ['in winter', '2026-01-15T12:00:00-08:00', 12 * HOUR_MS],
    ['in summer', '2026-07-15T12:00:00-07:00', 12 * HOUR_MS],
    ['while it is another day in UTC', '2026-07-15T23:59:59.500-07:00', 500],
    ['at midnight: a day', '2026-07-15T00:00:00-07:00', 24 * HOUR_MS],
    ['on the short day', '2026-03-08T00:00:00-08:00', 23 * HOUR_MS],
    ['on the short day, after the hour that is left out', '2026-03-08T03:00:00-07:00', 21 * HOUR_MS],
    ['before the short day', '2026-03-07T23:00:00-08:00', HOUR_MS],
    ['on the long day', '2026-11-01T00:00:00-07:00', 25 * HOUR_MS],
    ['on the long day, in the hour that comes twice', '2026-11-01T01:30:00-08:00', 22.5 * HOUR_MS],
    ['before the long day', '2026-10-31T22:00:00-07:00', 2 * HOUR_MS],
    ['at the end of a month', '2026-04-30T18:00:00-07:00', 6 * HOUR_MS],
    ['at the end of a leap February', '2028-02-29T20:00:00-08:00', 4 * HOUR_MS],
    ['at the end of a year', '2026-12-31T16:30:00-08:00', 7.5 * HOUR_MS],
  ])('%s', (_, moment, expected) => {
    expect(msUntilPacificMidnight(Date.parse(moment))).toBe(expected);
  });

  it('always leads to a moment that is midnight there, within 25 hours', () => {
    const there = new Intl.DateTimeFormat('en-GB', { timeZone: 'America/Los_Angeles', timeStyle: 'medium' });
    const range = { min: Date.UTC(2025, 0, 1), max: Date.UTC(2035, 0, 1) };
    fc.assert(
      fc.property(fc.integer(range), (wallMs) => {
        const leftMs = msUntilPacificMidnight(wallMs);
        expect(leftMs).toBeGreaterThan(0);
        expect(leftMs).toBeLessThanOrEqual(25 * HOUR_MS);
        expect(there.format(wallMs + leftMs)).toBe('00:00:00');
      }),
      { numRuns: 200 },
    );
  });
});

describe('pacificDay', () => {
  it('numbers days without a gap, each beginning where the last one ended', () => {
    for (let number = 20_454; number < 20_454 + 800; number += 1) {
      const day = pacificDayOf(number);
      expect(day.endMs).toBe(pacificDayOf(number + 1).startMs);
      expect(pacificDay(day.startMs)).toEqual(day);
      expect(pacificDay(day.endMs - 1)).toEqual(day);
    }
  });

  it.each([
    ['2026-03-08T12:00:00Z', 23],
    ['2026-11-01T12:00:00Z', 25],
    ['2026-06-30T12:00:00Z', 24],
  ])('a day that has %s in it lasts %i hours', (moment, hours) => {
    const { startMs, endMs } = pacificDay(Date.parse(moment));
    expect((endMs - startMs) / HOUR_MS).toBe(hours);
  });

  it('knows a moment of another day whatever was asked before', () => {
    const { number } = pacificDay(Date.parse('2026-07-15T12:00:00-07:00'));
    expect(pacificDay(Date.parse('2026-07-17T00:00:00-07:00')).number).toBe(number + 2);
    expect(pacificDay(Date.parse('2026-07-14T23:59:59-07:00')).number).toBe(number - 1);
  });
});
