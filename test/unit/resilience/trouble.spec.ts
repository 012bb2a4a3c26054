import { describe, expect, it } from '@jest/globals';
import { GatewayError, REASONS, type Reason } from '../../../src/core/gateway-error.js';
import { googleError } from '../../../src/providers/google-wire/google-errors.js';
import { transportError } from '../../../src/providers/http/upstream-http.js';
import { Watchdog } from '../../../src/providers/http/watchdog.js';
import { TREATMENTS, troubleOf, type Treatment } from '../../../src/resilience/trouble.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { recorded } from '../providers/google-wire/fixtures.js';

const google = (status: number, name: string, retryAfter?: string): GatewayError =>
  googleError({ status, body: recorded(name), retryAfter });
const said = (code: number, status: string): GatewayError =>
  googleError({ status: code, body: JSON.stringify({ error: { code, status, message: 'No.' } }) });

const MINUTE = { quotaId: 'GenerateRequestsPerMinutePerProjectPerModel', quotaValue: '5' };
const DAY = { quotaId: 'GenerateRequestsPerDayPerProjectPerModel', quotaValue: '20' };
const GATE = { quotaId: 'GenerateContentInputTokensPerModelPerMinute-FreeTier', quotaValue: '0' };
/** A 429 that names these quotas and waits. */
function quota(violations: object[], retryDelay?: string, message = '', retryAfter?: string): GatewayError {
  const details = [{ violations }, { retryDelay }];
  return googleError({ status: 429, body: JSON.stringify({ error: { message, details } }), retryAfter });
}

/** What a provider throws when a bound passes before the first event, or after it. */
function timedOut(started: boolean, totalMs = 50): GatewayError {
  const clock = new ManualClock();
  const bounds = { firstEventMs: 10, idleGapMs: 20, totalMs };
  const watchdog = new Watchdog(new AbortController().signal, bounds, clock);
  if (started) watchdog.progress();
  clock.advance(20);
  return watchdog.explain(new Error('aborted'));
}

/** The treatment in words. */
function words(error: GatewayError): string {
  const treatment: Treatment = TREATMENTS[troubleOf(error)];
  const { tries, again, needs, byLeave, elsewhere, rest, alert } = treatment;
  return [
    tries === 1 ? 'once' : `${tries} ${again}`,
    ...(needs === undefined ? [] : [`if ${needs}`]),
    ...(byLeave === true ? ['by leave'] : []),
    ...(elsewhere ? ['elsewhere'] : []),
    ...(rest === undefined ? [] : [`rest ${rest}`]),
    ...(alert ? ['alert'] : []),
  ].join(', ');
}

const OTHER_KEY = '4 at_once, if otherCredentials, elsewhere, alert';
const WHEN_TOLD = '2 when_told, elsewhere, rest as_told';
const OUT = 'once, elsewhere, rest until_reset';
const SHORTLY = '3 backoff, elsewhere';
const ONCE_MORE = '2 backoff, elsewhere';
const BY_LEAVE = '2 backoff, by leave, elsewhere';
const OTHER_SIGNATURES = '2 at_once, if otherSignatures';

describe('the treatment of what Google answers', () => {
  it.each([
    ['a bad key, as 400', google(400, 'bad-key.json'), 'credentials', OTHER_KEY],
    ['a suspended key', google(403, 'suspended-key.json'), 'credentials', OTHER_KEY],
    ['an expired token', said(401, 'UNAUTHENTICATED'), 'credentials', OTHER_KEY],
    [
      'signatures of another model',
      googleError({
        status: 400,
        body: JSON.stringify({
          error: { code: 400, message: 'Corrupted thought signature.', status: 'INVALID_ARGUMENT' },
        }),
      }),
      'signatures',
      OTHER_SIGNATURES,
    ],
    ['a precondition', said(400, 'FAILED_PRECONDITION'), 'credentials', OTHER_KEY],
    ['tokens per minute', google(429, 'tokens-per-minute.json'), 'quota_minute', WHEN_TOLD],
    ['requests per minute', google(429, 'requests-per-minute-free.json'), 'quota_minute', WHEN_TOLD],
    ['requests per day', google(429, 'requests-per-day-paid.json'), 'quota_day', OUT],
    ['minute and day', google(429, 'requests-per-day-free.json'), 'quota_day', OUT],
    ['no quota at all', google(429, 'no-quota.json'), 'quota_gate', `${OUT}, alert`],
    ['shared capacity', google(429, 'vertex-shared-capacity.json'), 'shared_capacity', SHORTLY],
    ['minute, gate and day', quota([MINUTE, GATE, DAY]), 'quota_day', OUT],
    ['gate and minute', quota([GATE, MINUTE]), 'quota_gate', `${OUT}, alert`],
    ['minute alone', quota([MINUTE]), 'quota_minute', WHEN_TOLD],
    ['a 429 without a body', googleError({ status: 429, body: '' }), 'shared_capacity', SHORTLY],
    ['overload', google(503, 'overloaded.json'), 'overloaded', SHORTLY],
    ['an internal error', said(500, 'INTERNAL'), 'failing', SHORTLY],
    ['a bad gateway in HTML', google(502, 'not-found.html'), 'failing', SHORTLY],
    ['its own deadline', said(504, 'DEADLINE_EXCEEDED'), 'failing', SHORTLY],
    ['its own cancellation', said(499, 'CANCELLED'), 'failing', SHORTLY],
    ['HTML with 200', googleError({ status: 0, body: '' }), 'failing', SHORTLY],
    ['an unknown model', google(404, 'model-not-found.json'), 'final', 'once'],
    ['an unknown place, in HTML', google(404, 'not-found.html'), 'final', 'once'],
    ['a bad request', said(400, 'INVALID_ARGUMENT'), 'final', 'once'],
    ['a request too large', said(413, ''), 'final', 'once'],
    ['what it cannot do', said(501, 'UNIMPLEMENTED'), 'unfit', 'once, elsewhere'],
  ])('%s', (_, error, trouble, treatment) => {
    expect([troubleOf(error), words(error)]).toEqual([trouble, treatment]);
  });

  it.each([
    ['RetryInfo', quota([MINUTE], '60s', 'Please retry in 51.3s.', '7'), 60_000],
    ['the prose', quota([MINUTE], '14s', 'Please retry in 51.3s.', '7'), 51_300],
    ['Retry-After', quota([MINUTE], '14s', 'Please retry in 51.3s.', '90'), 90_000],
    ['the prose of a recorded body', google(429, 'tokens-per-minute.json'), 51_387],
    ['the prose against 5 s in RetryInfo', google(429, 'requests-per-day-free.json'), 37_025_720],
  ])('waits as long as %s says where the others say less', (_, error, retryAfterMs) => {
    expect(error.retryAfterMs).toBe(retryAfterMs);
  });
});

describe('the treatment of what breaks below', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'UND_ERR_SOCKET', 'CERT_HAS_EXPIRED'])(
    'a connection that fails with %s is tried again shortly',
    (code) => {
      const error = transportError(Object.assign(new TypeError('fetch failed'), { cause: { code } }));
      expect([troubleOf(error), words(error)]).toEqual(['failing', SHORTLY]);
    },
  );

  it('what does not begin, or falls silent, is tried once more', () => {
    for (const error of [timedOut(false), timedOut(true)]) {
      expect([troubleOf(error), words(error)]).toEqual(['timeout', ONCE_MORE]);
    }
  });

  it('what is not complete in time is not tried again', () => {
    expect(troubleOf(timedOut(false, 10))).toBe('final');
  });

  it('an empty answer is tried once more', () => {
    const error = new GatewayError('EMPTY_RESPONSE', 'Nothing.');
    expect([troubleOf(error), words(error)]).toEqual(['empty', BY_LEAVE]);
  });

  it('a mistake of ours is nobody’s to try again', () => {
    expect(troubleOf(GatewayError.from(new TypeError('undefined is not a function')))).toBe('final');
  });
});

describe('troubleOf', () => {
  it.each(Object.keys(REASONS) as Reason[])('goes elsewhere with %s just where it is retryable', (reason) => {
    const error = new GatewayError(reason, 'No.');
    expect(TREATMENTS[troubleOf(error)].elsewhere).toBe(error.retryable);
  });
});
