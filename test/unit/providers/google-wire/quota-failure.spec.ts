import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { readQuotaFailure } from '../../../../src/providers/google-wire/quota-failure.js';
import { recorded } from './fixtures.js';

const errorOf = (name: string) => (JSON.parse(recorded(name)) as { error: JsonObject }).error;

/** A 429 with these violations. */
function failing(violations: JsonObject[], message = '', retryDelay?: string): JsonObject {
  const retry = retryDelay === undefined ? [] : [{ '@type': 'RetryInfo', retryDelay }];
  return { message, details: [{ '@type': 'QuotaFailure', violations }, ...retry] };
}

const minute = { quotaId: 'GenerateRequestsPerMinutePerProjectPerModel', quotaValue: '5' };
const day = { quotaId: 'GenerateRequestsPerDayPerProjectPerModel', quotaValue: '20' };
const gate = { quotaId: 'GenerateContentInputTokensPerModelPerMinute-FreeTier', quotaValue: '0' };

describe('readQuotaFailure', () => {
  it.each([
    [
      'tokens-per-minute.json',
      {
        kind: 'minute',
        quotaId: 'GenerateContentPaidTierInputTokensPerModelPerMinute-PaidTier2',
        quotaValue: '3000000',
        retryAfterMs: 51_387,
      },
    ],
    [
      'requests-per-minute-free.json',
      {
        kind: 'minute',
        quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
        quotaValue: '5',
        retryAfterMs: 46_193,
      },
    ],
    [
      'requests-per-day-paid.json',
      {
        kind: 'day',
        quotaId: 'GenerateRequestsPerDayPerProjectPerModel',
        quotaValue: '100',
        retryAfterMs: 6_776_410,
      },
    ],
    [
      'requests-per-day-free.json',
      {
        kind: 'day',
        quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
        quotaValue: '20',
        retryAfterMs: 37_025_720,
      },
    ],
    [
      'no-quota.json',
      { kind: 'gate', quotaId: 'GenerateContentInputTokensPerModelPerMinute-FreeTier', retryAfterMs: 33_900 },
    ],
    ['vertex-shared-capacity.json', { kind: 'shared' }],
  ])('understands %s', (name, expected) => {
    expect(readQuotaFailure(errorOf(name), undefined)).toEqual(expected);
  });

  it.each([
    [[minute, gate, day], 'day', day],
    [[day, minute], 'day', day],
    [[minute, gate], 'gate', gate],
    [[gate, minute], 'gate', gate],
    [[minute], 'minute', minute],
  ] as const)('lets the worst of several violations decide: case %#', (violations, kind, decisive) => {
    expect(readQuotaFailure(failing([...violations]), undefined)).toEqual({ kind, ...decisive });
  });

  it('collects the violations of every detail', () => {
    const error = { details: [{ violations: [minute] }, { violations: [day] }] };
    expect(readQuotaFailure(error, undefined).kind).toBe('day');
  });

  it('takes an absent value for zero, unless the prose names the limit', () => {
    const { quotaValue: _, ...unvalued } = minute;
    expect(readQuotaFailure(failing([unvalued]), undefined).kind).toBe('gate');
    expect(readQuotaFailure(failing([unvalued], 'limit: 5, model: m'), undefined).kind).toBe('minute');
    expect(readQuotaFailure(failing([minute], 'limit: 0, model: m'), undefined).kind).toBe('gate');
    expect(readQuotaFailure(failing([minute], 'limit: 100, model: m'), undefined).kind).toBe('minute');
  });

  it('goes by the metric where there is no id', () => {
    const quotaMetric = 'generativelanguage.googleapis.com/generate_requests_per_model_per_day';
    expect(readQuotaFailure(failing([{ quotaMetric, quotaValue: '9' }]), undefined)).toEqual({
      kind: 'day',
      quotaId: quotaMetric,
      quotaValue: '9',
    });
  });

  it.each([
    ['14s', 'Please retry in 51.386192716s.', undefined, 51_387],
    ['60s', 'Please retry in 51.3s.', undefined, 60_000],
    ['14s', '', '90', 90_000],
    ['100s', 'Please retry in 50s', '90', 100_000],
    [undefined, 'Please retry in 1h52m56.4s.', undefined, 6_776_400],
    [undefined, 'Please retry in 10h17m5.72s.', undefined, 37_025_720],
    [undefined, 'Please retry in 2m.', undefined, 120_000],
    [undefined, 'Please retry in 947.833541ms.', undefined, 948],
    [undefined, '', 'Fri, 20 Nov 2026 12:00:00 GMT', undefined],
    ['soon', 'Please retry in a while.', undefined, undefined],
    ['34.4s', '', '', 34_400],
  ])('waits for the longest of %p, %p and %p', (retryDelay, message, header, retryAfterMs) => {
    expect(readQuotaFailure(failing([minute], message, retryDelay), header).retryAfterMs).toBe(retryAfterMs);
  });

  it('takes no number for a wait: its unit is not known', () => {
    expect(readQuotaFailure({ details: [{ retryDelay: 7 }] }, undefined)).toEqual({ kind: 'shared' });
  });

  it('makes nothing of details that are none', () => {
    const odd: JsonValue[] = [null, 'x', [null, 1, 'x'], [{ violations: 'x' }], [{ violations: [null, 7] }]];
    for (const details of odd)
      expect(readQuotaFailure({ message: 7, details }, undefined)).toEqual({ kind: 'shared' });
  });
});
