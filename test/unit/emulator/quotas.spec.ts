import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { msToPacificMidnight, pacificDay } from '../../../src/emulator/pacific-day.js';
import { Quotas } from '../../../src/emulator/quotas.js';
import { call, saying, type WireAnswer } from '../../helpers/emulator-client.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const HOUR_MS = 3_600_000;
/** 20:30:15 in Los Angeles. */
const EVENING = Date.UTC(2026, 10, 21, 4, 30, 15);

describe('quotas over the wire', () => {
  let clock: ManualClock;
  let emulator: Emulator;
  beforeEach(async () => {
    clock = new ManualClock(EVENING);
    emulator = await startEmulator({ clock, keyProjects: { a: 'shared', b: 'shared' } });
  });
  afterEach(() => emulator.close());

  const by = (key: string, text = 'Hello', model?: string): Promise<WireAnswer> =>
    call(emulator, 'generateContent', saying(text), {
      headers: { 'x-goog-api-key': key },
      ...(model && { model }),
    });
  const statuses = async (...keys: string[]): Promise<number[]> => {
    const seen = [];
    for (const key of keys) seen.push((await by(key)).status);
    return seen;
  };

  it('counts requests per minute, project and model, whatever the key', async () => {
    emulator.quotas.replace([{ rpm: 2, tier: 'free' }]);
    expect(await statuses('a', 'b', 'a', 'c')).toEqual([200, 200, 429, 200]);
    expect((await by('a', 'Hello', 'gemini-3.5-flash')).status).toBe(200);
    const refused = await by('b');
    expect(JSON.parse(refused.text)).toMatchObject({
      error: {
        code: 429,
        status: 'RESOURCE_EXHAUSTED',
        message: expect.stringContaining(
          'generate_content_free_tier_requests, limit: 2, model: gemini-3.8-flash\nPlease retry in 45s.',
        ),
        details: [
          {
            violations: [
              { quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier', quotaValue: '2' },
            ],
          },
          {},
          { retryDelay: '45s' },
        ],
      },
    });
    expect(emulator.ledger.calls.at(-1)).toMatchObject({ outcome: 'rate-minute', project: 'shared' });
    clock.advance(45_000);
    expect(await statuses('a')).toEqual([200]);
  });

  it('counts input tokens per minute and lets a smaller request through', async () => {
    emulator.quotas.replace([{ tpm: 5, tier: 'paid-tier-2' }]);
    expect((await by('a', 'x'.repeat(12))).status).toBe(200);
    const refused = await by('a', 'x'.repeat(12));
    expect(refused.text).toContain('GenerateContentPaidTierInputTokensPerModelPerMinute-PaidTier2');
    expect((await by('a', 'x'.repeat(8))).status).toBe(200);
  });

  it('counts requests per day until midnight Pacific', async () => {
    emulator.quotas.replace([{ rpd: 1 }]);
    expect(await statuses('a', 'a')).toEqual([200, 429]);
    const { text } = await by('a');
    expect(text).toContain('Please retry in 3h29m45s.');
    expect(text).toContain('GenerateRequestsPerDayPerProjectPerModel');
    clock.advance(3 * HOUR_MS + 29 * 60_000 + 44_000);
    expect(await statuses('a')).toEqual([429]);
    clock.advance(1000);
    expect(await statuses('a')).toEqual([200]);
  });

  it('is a gate at zero', async () => {
    emulator.quotas.replace([{ rpd: 0 }]);
    expect((await by('a')).text).toContain('limit: 0');
    expect(emulator.ledger.calls.at(-1)?.outcome).toBe('gate');
  });

  it('is set by PUT for the projects and models that it names, and refuses what is no rule', async () => {
    const put = async (body: unknown): Promise<number> => {
      const response = await request(`${emulator.url}/emulator/quotas`, {
        method: 'PUT',
        body: JSON.stringify(body),
      });
      await response.body.dump();
      return response.statusCode;
    };
    expect(await put([{ project: 'shared', model: 'gemini-3.8-flash', rpm: 0 }])).toBe(200);
    expect(await statuses('a', 'c')).toEqual([429, 200]);
    expect([await put([{ rpn: 1 }]), await put([{ rpm: '1' }]), await put({})]).toEqual([400, 400, 400]);
    expect(emulator.quotas.rules).toHaveLength(1);
  });
});

describe('Quotas', () => {
  it('does not count what it refuses', () => {
    const clock = new ManualClock(EVENING);
    const quotas = new Quotas(clock, [{ rpd: 2, rpm: 1 }]);
    expect(quotas.admit('p', 'global', 'm', 1)).toBeUndefined();
    expect(quotas.admit('p', 'global', 'm', 1)?.outcome).toBe('rate-minute');
    clock.advance(60_000);
    expect(quotas.admit('p', 'global', 'm', 1)).toBeUndefined();
    expect(quotas.admit('p', 'europe-west4', 'm', 1)).toBeUndefined();
  });
});

describe('the Pacific day', () => {
  it.each([
    ['in winter', Date.UTC(2026, 11, 1, 8), 24 * HOUR_MS],
    ['in summer', Date.UTC(2026, 6, 1, 7), 24 * HOUR_MS],
    ['on the day that clocks go back', Date.UTC(2026, 10, 1, 7), 25 * HOUR_MS],
    ['on the day that clocks go forward', Date.UTC(2026, 2, 8, 8), 23 * HOUR_MS],
  ])('lasts from midnight to midnight %s', (_when, midnight, lengthMs) => {
    expect(msToPacificMidnight(midnight)).toBe(lengthMs);
    expect(pacificDay(midnight) - pacificDay(midnight - 1)).toBe(1);
    expect(pacificDay(midnight + lengthMs) - pacificDay(midnight)).toBe(1);
    expect(pacificDay(midnight + lengthMs - 1)).toBe(pacificDay(midnight));
  });
});
