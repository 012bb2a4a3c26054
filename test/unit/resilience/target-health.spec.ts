import { beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError, type GatewayErrorOptions, type Reason } from '../../../src/core/gateway-error.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import { OutlierEjection } from '../../../src/resilience/outlier-ejection.js';
import { TargetHealth, type Refusal } from '../../../src/resilience/target-health.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const HOUR_MS = 3_600_000;
const MIDNIGHT_MS = Date.parse('2026-07-15T00:00:00-07:00');
const EVENING_MS = MIDNIGHT_MS + 23.5 * HOUR_MS;

let clock: ManualClock;
let config: ResilienceConfig;
let health: TargetHealth;
beforeEach(() => {
  clock = new ManualClock(EVENING_MS);
  config = new ResilienceConfig();
  health = new TargetHealth(config, clock, new OutlierEjection(config, clock));
});

function refusal(target = 't'): Refusal | undefined {
  const leave = health.admit(target);
  if ('refusal' in leave) return leave.refusal;
  leave.ticket.abandoned();
  return undefined;
}
/** Attempts on a target that fail so. */
function fail(reason: Reason, options: GatewayErrorOptions = {}, times = 1, target = 't'): void {
  for (let failed = 0; failed < times; failed += 1) {
    const leave = health.admit(target);
    if ('refusal' in leave) throw new Error(leave.refusal.why);
    health.failed(target, leave.ticket, new GatewayError(reason, `It is ${reason}.`, options));
  }
}
const heard = { metadata: { upstreamStatus: 400 } };
const quota = (quotaKind: string, retryAfterMs?: number): GatewayErrorOptions => ({
  metadata: { quotaKind, upstreamStatus: 429 },
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
});

describe('TargetHealth, rests', () => {
  it('rests as long as told when a quota per minute is used up', () => {
    fail('UPSTREAM_RATE_LIMITED', quota('minute', 7_000));
    expect(refusal()).toEqual({ why: 'It is UPSTREAM_RATE_LIMITED.', notBeforeMs: 7_000, kind: 'rate' });
    expect(refusal('other')).toBeUndefined();
    clock.advance(6_999);
    expect(refusal()).toBeDefined();
    clock.advance(1);
    expect(refusal()).toBeUndefined();
  });

  it.each([
    ['a quota per minute without a time', 'UPSTREAM_RATE_LIMITED', quota('minute')],
    ['shared capacity', 'UPSTREAM_RATE_LIMITED', quota('shared', 7_000)],
    ['an overload with a time', 'UPSTREAM_OVERLOADED', { retryAfterMs: 7_000 }],
    ['refused credentials', 'UPSTREAM_AUTH', { retryAfterMs: 7_000 }],
  ] as const)('does not rest for %s', (_, reason, options) => {
    fail(reason, options);
    expect(refusal()).toBeUndefined();
  });

  it.each(['day', 'gate'])('rests until midnight at Google’s when there is no quota: %s', (kind) => {
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota(kind));
    expect(refusal()?.notBeforeMs).toBe(HOUR_MS / 2);
  });

  it('rests no longer than configured where Google does not say', () => {
    clock.setWall(MIDNIGHT_MS);
    config.maxRestMs = 2 * HOUR_MS;
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day'));
    expect(refusal()?.notBeforeMs).toBe(2 * HOUR_MS);
  });

  it('believes a delay that Google gives more than the calendar', () => {
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day', 10 * HOUR_MS));
    expect(refusal()?.notBeforeMs).toBe(10 * HOUR_MS);
  });

  it('does not shorten a rest', () => {
    const [first, second] = [health.admit('t'), health.admit('t')];
    if ('refusal' in first || 'refusal' in second) throw new Error('refused');
    const day = new GatewayError('UPSTREAM_QUOTA_EXHAUSTED', 'Day.', quota('day', HOUR_MS));
    const minute = new GatewayError('UPSTREAM_RATE_LIMITED', 'Minute.', quota('minute', 7_000));
    health.failed('t', first.ticket, day);
    health.failed('t', second.ticket, minute);
    expect(refusal()).toMatchObject({ why: 'Day.', notBeforeMs: HOUR_MS });
  });

  it('rests by monotonic time: a clock that is set changes nothing', () => {
    fail('UPSTREAM_RATE_LIMITED', quota('minute', 7_000));
    clock.setWall(0);
    clock.advance(7_000);
    expect(refusal()).toBeUndefined();
  });
});

describe('TargetHealth, health', () => {
  it('leaves a target alone that failed by its own fault, and says until when', () => {
    fail('UPSTREAM_OVERLOADED', {}, 5);
    expect(refusal()).toEqual({
      why: 'it failed too often and is left alone for a while',
      notBeforeMs: 5_000,
      kind: 'health',
    });
    expect(refusal('other')).toBeUndefined();
    clock.advance(5_000);
    expect(refusal()).toBeUndefined();
  });

  it.each(['CANCELLED', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UPSTREAM_AUTH', 'UNIMPLEMENTED'] as const)(
    'hears nothing about the target from %s, for good or bad',
    (reason) => {
      fail('UPSTREAM_UNAVAILABLE', {}, 4);
      fail(reason, {}, 100);
      expect(refusal()).toBeUndefined();
      fail('UPSTREAM_UNAVAILABLE');
      clock.advance(5_000);
      fail(reason);
      expect(refusal()).toBeUndefined();
      fail('UPSTREAM_UNAVAILABLE');
      expect(refusal()).toMatchObject({ kind: 'health', notBeforeMs: 13_000 });
    },
  );

  it.each([
    ['UPSTREAM_RATE_LIMITED', quota('shared')],
    ['UPSTREAM_RATE_LIMITED', quota('minute')],
    ['UPSTREAM_AUTH', heard],
    ['INVALID_REQUEST', heard],
    ['MODEL_NOT_FOUND', heard],
    ['EMPTY_RESPONSE', {}],
  ] as const)('takes %s for a sign of life: %j', (reason, options) => {
    fail('UPSTREAM_UNAVAILABLE', {}, 4);
    fail(reason, options);
    fail('UPSTREAM_UNAVAILABLE', {}, 4);
    expect(refusal()).toBeUndefined();
  });

  it('never counts quota against the health', () => {
    for (let day = 0; day < 50; day += 1) {
      fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day', 1_000));
      clock.advance(1_000);
    }
    expect(refusal()).toBeUndefined();
  });

  it('scores well targets above probed ones, and those above what is left alone', () => {
    expect(health.score('never seen')).toBe(1);
    fail('UPSTREAM_OVERLOADED', {}, 4);
    expect(health.score('t')).toBe(1);
    fail('UPSTREAM_OVERLOADED');
    const open = health.score('t');
    clock.advance(5_000);
    const probed = health.score('t');
    expect([0 < open, open < probed, probed < 1]).toEqual([true, true, true]);
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day', 1_000), 1, 'resting');
    expect(health.score('resting')).toBe(open);
    clock.advance(1_000);
    expect(health.score('resting')).toBe(1);
  });

  it('forgets the least recently used of too many targets', () => {
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day', HOUR_MS), 1, 'used');
    fail('UPSTREAM_QUOTA_EXHAUSTED', quota('day', HOUR_MS), 1, 'old');
    for (let index = 0; index < 4_094; index += 1) refusal(`t${index}`);
    expect(refusal('used')).toBeDefined();
    refusal('one more');
    expect(refusal('used')).toBeDefined();
    expect(refusal('old')).toBeUndefined();
  });
});

describe('TargetHealth, projects', () => {
  const observed: [string, boolean][] = [];
  const observing = () => {
    observed.length = 0;
    const ejection = new OutlierEjection(config, clock);
    ejection.observe = (project, failed) => void observed.push([project, failed]);
    return new TargetHealth(config, clock, ejection);
  };

  it.each([
    ['UPSTREAM_AUTH', true],
    ['UPSTREAM_UNAVAILABLE', true],
    ['UPSTREAM_PROTOCOL', true],
    ['UPSTREAM_OVERLOADED', undefined],
    ['UPSTREAM_RATE_LIMITED', undefined],
    ['INVALID_REQUEST', undefined],
    ['CANCELLED', undefined],
  ] as const)('hears of %s: %s', (reason, expected) => {
    const watched = observing();
    const leave = watched.admit('p/m');
    if ('refusal' in leave) throw new Error('refused');
    watched.failed('p/m', leave.ticket, new GatewayError(reason, 'It failed.'));
    expect(observed).toEqual(expected === undefined ? [] : [['p', expected]]);
  });

  it('hears of answers, of a stream once', () => {
    const watched = observing();
    const [one, other] = [watched.admit('p/m'), watched.admit('q/m')];
    if ('refusal' in one || 'refusal' in other) throw new Error('refused');
    watched.succeeded('p/m', one.ticket);
    watched.began('q/m', other.ticket);
    other.ticket.succeeded();
    expect(observed).toEqual([
      ['p', false],
      ['q', false],
    ]);
  });
});
