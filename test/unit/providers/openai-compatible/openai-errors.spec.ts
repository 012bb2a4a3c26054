import { describe, expect, it } from '@jest/globals';
import { openAiError, retryAfterMs } from '../../../../src/providers/openai-compatible/openai-errors.js';

const shaped = (message: string, code?: string | number | null, type?: string): string =>
  JSON.stringify({ error: { message, type, param: null, code } });

describe('openAiError', () => {
  it.each([
    [302, 'UPSTREAM_PROTOCOL'],
    [400, 'INVALID_REQUEST'],
    [401, 'UPSTREAM_AUTH'],
    [402, 'UPSTREAM_QUOTA_EXHAUSTED'],
    [403, 'UPSTREAM_AUTH'],
    [404, 'MODEL_NOT_FOUND'],
    [408, 'UPSTREAM_UNAVAILABLE'],
    [413, 'REQUEST_TOO_LARGE'],
    [422, 'INVALID_REQUEST'],
    [429, 'UPSTREAM_RATE_LIMITED'],
    [500, 'UPSTREAM_UNAVAILABLE'],
    [501, 'UNIMPLEMENTED'],
    [502, 'UPSTREAM_UNAVAILABLE'],
    [503, 'UPSTREAM_OVERLOADED'],
    [504, 'UPSTREAM_UNAVAILABLE'],
    [529, 'UPSTREAM_OVERLOADED'],
  ])('maps the bare status %i to %s', (status, reason) => {
    for (const body of ['', '<html></html>', '[]', 'null'])
      expect(openAiError({ status, body })).toMatchObject({ reason, metadata: { upstreamStatus: status } });
  });

  it('tells a spent account from a rate limit, and passes the wait on', () => {
    const body = shaped('You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota');
    expect(openAiError({ status: 429, body })).toMatchObject({
      reason: 'UPSTREAM_QUOTA_EXHAUSTED',
      metadata: { upstreamReason: 'insufficient_quota' },
    });
    expect(openAiError({ status: 429, body: '', retryAfterMs: 7 })).toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      retryAfterMs: 7,
    });
  });

  it('tells a blocked prompt from a bad request', () => {
    for (const code of ['content_policy_violation', 'content_filter'])
      expect(openAiError({ status: 400, body: shaped('No.', code) }).reason).toBe('SAFETY_BLOCKED');
  });

  it('repeats the sentence of a bad request, bounded and without keys', () => {
    const { message } = openAiError({
      status: 400,
      body: shaped(`Bad sk-proj-12345678ab ${'x'.repeat(5_000)}`),
    });
    expect(message).toMatch(/^Bad \[removed\] x+$/);
    expect(message.length).toBeLessThanOrEqual(2_000);
    expect(openAiError({ status: 422, body: '{"error":"Too hot."}' }).message).toBe('Too hot.');
    expect(openAiError({ status: 404, body: '{"message":"No such model."}' }).message).toBe('No such model.');
    expect(openAiError({ status: 400, body: '{}' }).message).toBe('The upstream answered 400.');
  });

  it.each([401, 429, 500, 503])('does not repeat what the upstream said about %i', (status) => {
    expect(openAiError({ status, body: shaped('Key sk-1234 of org-9 failed.') }).message).not.toContain(
      'org-9',
    );
  });

  it.each([
    [429, undefined, 'UPSTREAM_RATE_LIMITED'],
    ['insufficient_quota', undefined, 'UPSTREAM_QUOTA_EXHAUSTED'],
    [null, 'invalid_request_error', 'INVALID_REQUEST'],
    [null, 'authentication_error', 'UPSTREAM_AUTH'],
    [null, 'permission_error', 'UPSTREAM_AUTH'],
    ['model_not_found', 'invalid_request_error', 'MODEL_NOT_FOUND'],
    ['rate_limit_exceeded', 'requests', 'UPSTREAM_RATE_LIMITED'],
    [null, 'overloaded_error', 'UPSTREAM_OVERLOADED'],
    [null, 'server_error', 'UPSTREAM_UNAVAILABLE'],
    [undefined, undefined, 'UPSTREAM_UNAVAILABLE'],
  ] as const)('reads an error within a stream by its code %s and type %s: %s', (code, type, reason) => {
    expect(openAiError({ body: shaped('x', code, type) }).reason).toBe(reason);
  });
});

describe('retryAfterMs', () => {
  const nowMs = Date.parse('2026-11-20T12:00:00Z');

  it('reads seconds and dates', () => {
    expect(retryAfterMs('1.5', nowMs)).toBe(1_500);
    expect(retryAfterMs('Fri, 20 Nov 2026 12:00:30 GMT', nowMs)).toBe(30_000);
    expect(retryAfterMs('Fri, 20 Nov 2026 11:00:00 GMT', nowMs)).toBe(0);
  });

  it.each([undefined, '', ' ', 'soon', ['1', '2']])('is absent for %s', (header) => {
    expect(retryAfterMs(header, nowMs)).toBeUndefined();
  });
});
