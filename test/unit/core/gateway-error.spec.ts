import { describe, expect, it } from '@jest/globals';
import { GatewayError, type Reason, REASONS } from '../../../src/core/gateway-error.js';
import { usageFixture } from '../../helpers/calls.js';

const reasonsWhere = (trait: 'retryable' | 'countsAgainstTarget'): string[] =>
  (Object.keys(REASONS) as Reason[]).filter((reason) => new GatewayError(reason, '')[trait]).toSorted();

describe('GatewayError', () => {
  it('takes its traits from the table', () => {
    for (const reason of Object.keys(REASONS) as Reason[])
      expect(new GatewayError(reason, 'x')).toMatchObject({ reason, ...REASONS[reason] });
  });

  it('retries only what another attempt can mend', () => {
    expect(reasonsWhere('retryable')).toEqual([
      'EMPTY_RESPONSE',
      'UNIMPLEMENTED',
      'UPSTREAM_AUTH',
      'UPSTREAM_OVERLOADED',
      'UPSTREAM_PROTOCOL',
      'UPSTREAM_QUOTA_EXHAUSTED',
      'UPSTREAM_RATE_LIMITED',
      'UPSTREAM_UNAVAILABLE',
    ]);
  });

  it('holds only the failures of the upstream itself against a target', () => {
    expect(reasonsWhere('countsAgainstTarget')).toEqual([
      'UPSTREAM_OVERLOADED',
      'UPSTREAM_PROTOCOL',
      'UPSTREAM_UNAVAILABLE',
    ]);
  });

  it('has empty metadata, no delay, no usage and no cause unless given', () => {
    const error = new GatewayError('INTERNAL', 'Broken.');
    expect(error).toMatchObject({ name: 'GatewayError', message: 'Broken.', metadata: {} });
    expect(error.retryAfterMs).toBeUndefined();
    expect(error.usage).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  it('gains usage without losing anything else', () => {
    const options = {
      cause: new Error('socket'),
      retryAfterMs: 7,
      metadata: { field: 'contents' },
      details: { text: 'said' },
    };
    const before = new GatewayError('UPSTREAM_UNAVAILABLE', 'Gone.', options);
    const after = before.withUsage(usageFixture(1, 2));
    expect(after).toMatchObject({ reason: 'UPSTREAM_UNAVAILABLE', message: 'Gone.', ...options });
    expect(after.usage).toEqual(usageFixture(1, 2));
    expect(before.usage).toBeUndefined();
  });

  it('keeps an error of its own kind, and wraps any other without its message', () => {
    const own = new GatewayError('RATE_LIMITED', 'Wait.');
    expect(GatewayError.from(own)).toBe(own);
    const cause = new Error('password=123');
    const wrapped = GatewayError.from(cause);
    expect(wrapped).toMatchObject({ reason: 'INTERNAL', cause });
    expect(wrapped.message).not.toContain('123');
  });
});
