import { describe, expect, it } from '@jest/globals';
import { GatewayError, type Reason, REASONS } from '../../../../src/core/gateway-error.js';
import {
  ANTHROPIC_ERRORS,
  anthropicApiSurface,
  anthropicErrorBody,
} from '../../../../src/transport/anthropic-api/anthropic-api.surface.js';
import { HttpError } from '../../../../src/transport/http/http-error.js';

describe('an error in Anthropic’s shape', () => {
  it('keeps the gateway’s own reason and details apart', () => {
    const error = new GatewayError('UPSTREAM_RATE_LIMITED', 'Slow down.', {
      retryAfterMs: 1_500,
      metadata: { field: 'messages', code: 'unsupported_parameter', upstreamReason: 'RPM' },
      cause: new Error('inner secret'),
    });
    const body = anthropicErrorBody(error, 'r-1');
    expect(body).toEqual({
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: 'Slow down.',
        gateway: {
          reason: 'UPSTREAM_RATE_LIMITED',
          retry_after_ms: 1_500,
          field: 'messages',
          upstream_reason: 'RPM',
        },
      },
      request_id: 'r-1',
    });
    expect(JSON.stringify(body)).not.toContain('inner secret');
  });

  it('says of threads alone that there are none, in the words that the client knows', () => {
    const of = (field: string): unknown =>
      anthropicErrorBody(new GatewayError('INVALID_REQUEST', 'No.', { metadata: { field } }), 'r')['error'];
    expect(of('thread')).toMatchObject({
      details: { error_code: 'thread_unsupported_request', unsupported: [] },
    });
    expect(of('container')).not.toHaveProperty('details');
  });

  it.each(Object.keys(REASONS) as Reason[])('has a status of its class for %s', (reason) => {
    const { status } = anthropicApiSurface.renderError(new GatewayError(reason, 'x'), 'r');
    expect(status).toBe(ANTHROPIC_ERRORS[reason].status);
    // Their client repeats everything from 500 on: what no other try can change must not look like that.
    const hopeless = REASONS[reason].code === 'INVALID_ARGUMENT' || REASONS[reason].code === 'UNIMPLEMENTED';
    if (hopeless) expect(status).toBeLessThan(500);
  });

  it('has the status of the failure itself where HTTP has one', () => {
    const rendered = anthropicApiSurface.renderError(new HttpError(415, 'INVALID_REQUEST', 'x'), 'r');
    expect(rendered).toMatchObject({ status: 415, contentType: 'application/json; charset=utf-8' });
    expect(JSON.parse(rendered.body)).toMatchObject({ error: { type: 'invalid_request_error' } });
  });
});
