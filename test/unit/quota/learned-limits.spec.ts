import { describe, expect, it } from '@jest/globals';
import { googleError } from '../../../src/providers/google-wire/google-errors.js';
import { LearnedLimits, lessonOf } from '../../../src/quota/learned-limits.js';
import { recorded } from '../providers/google-wire/fixtures.js';

const TARGET = { project: 'p', location: 'global', model: 'm' };
const refusal = (quotaId: string, quotaValue: string) =>
  googleError({
    status: 429,
    body: JSON.stringify({ error: { details: [{ violations: [{ quotaId, quotaValue }] }] } }),
  });

describe('lessonOf', () => {
  it.each([
    ['tokens-per-minute.json', { bucket: 'inputTokensPerMinute', limit: 3_000_000 }],
    ['requests-per-minute-free.json', { bucket: 'requestsPerMinute', limit: 5 }],
    ['requests-per-day-paid.json', { bucket: 'requestsPerDay', limit: 100 }],
    ['requests-per-day-free.json', { bucket: 'requestsPerDay', limit: 20 }],
    ['no-quota.json', { bucket: 'target' }],
    ['vertex-shared-capacity.json', undefined],
  ])('reads %s', (name, lesson) => {
    expect(lessonOf(googleError({ status: 429, body: recorded(name) }))).toEqual(lesson);
  });

  it.each([
    ['GenerateContentInputTokensPerModelPerDay', '7', { bucket: 'inputTokensPerDay', limit: 7 }],
    ['GenerateImagesPerMinutePerProjectPerModel', '7', { bucket: 'imagesPerMinute', limit: 7 }],
    ['GenerateImagesPerDayPerProjectPerModel', '7', { bucket: 'target' }],
    ['SomethingPerMinute', '7', { bucket: 'target' }],
    ['GenerateRequestsPerMinutePerProjectPerModel', 'many', { bucket: 'requestsPerMinute' }],
  ])('reads %s', (quotaId, quotaValue, lesson) => {
    expect(lessonOf(refusal(quotaId, quotaValue))).toEqual(lesson);
  });

  it('learns nothing from other failures', () => {
    expect(lessonOf(googleError({ status: 503, body: '' }))).toBeUndefined();
  });
});

describe('LearnedLimits', () => {
  const learned = (...limits: [bucket: 'requestsPerMinute' | 'requestsPerDay', limit: number][]) => {
    const all = new LearnedLimits();
    for (const [bucket, limit] of limits) all.learn(TARGET, { bucket, limit });
    return all;
  };

  it('gives what is configured where nothing was learned, and nothing where nothing is known', () => {
    const all = new LearnedLimits();
    const configured = { requestsPerMinute: 5 };
    expect(all.effective(TARGET, configured)).toBe(configured);
    expect(all.effective(TARGET, undefined)).toBeUndefined();
  });

  it('believes the lower of what is configured and what was learned, bucket by bucket', () => {
    const all = learned(['requestsPerMinute', 7], ['requestsPerDay', 100]);
    expect(
      all.effective(TARGET, { requestsPerMinute: 5, requestsPerDay: 200, inputTokensPerDay: 1 }),
    ).toEqual({
      requestsPerMinute: 5,
      requestsPerDay: 100,
      inputTokensPerDay: 1,
    });
    expect(all.effective(TARGET, undefined)).toEqual({ requestsPerMinute: 7, requestsPerDay: 100 });
    expect(all.effective(TARGET, {})).toEqual({ requestsPerMinute: 7, requestsPerDay: 100 });
  });

  it('believes the newest, for just that target', () => {
    const all = learned(['requestsPerMinute', 7], ['requestsPerMinute', 9]);
    expect(all.of(TARGET)).toEqual({ requestsPerMinute: 9 });
    expect(all.of({ ...TARGET, location: 'us-central1' })).toBeUndefined();
  });

  it('learns no limit of a lesson that names none', () => {
    const all = new LearnedLimits();
    all.learn(TARGET, { bucket: 'requestsPerMinute' });
    all.learn(TARGET, { bucket: 'target' });
    expect(all.of(TARGET)).toBeUndefined();
  });

  it('knows a bounded number of targets', () => {
    const all = learned(['requestsPerMinute', 7]);
    for (let model = 0; model < 4_096; model += 1)
      all.learn({ ...TARGET, model: `m${model}` }, { bucket: 'requestsPerMinute', limit: 1 });
    expect(all.of(TARGET)).toBeUndefined();
  });
});
