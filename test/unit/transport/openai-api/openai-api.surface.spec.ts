import { describe, expect, it } from '@jest/globals';
import { GatewayError, type Reason, REASONS } from '../../../../src/core/gateway-error.js';
import { HttpError } from '../../../../src/transport/http/http-error.js';
import {
  OPENAI_ERRORS,
  openAiErrorBody,
  openAiSurface,
} from '../../../../src/transport/openai-api/openai-api.surface.js';

describe('an error in OpenAI’s shape', () => {
  it('names the field, and keeps the gateway’s own reason and details apart', () => {
    const error = new GatewayError('UPSTREAM_RATE_LIMITED', 'Slow down.', {
      retryAfterMs: 1_500,
      metadata: { field: 'messages', upstreamReason: 'RPM', upstreamStatus: 429 },
      cause: new Error('inner secret'),
    });
    const body = openAiErrorBody(error, 'r-1');
    expect(body).toEqual({
      error: {
        message: 'Slow down.',
        type: 'rate_limit_error',
        param: 'messages',
        code: 'rate_limit_exceeded',
        gateway: {
          reason: 'UPSTREAM_RATE_LIMITED',
          request_id: 'r-1',
          retry_after_ms: 1_500,
          upstream_reason: 'RPM',
          upstream_status: 429,
        },
      },
    });
    expect(JSON.stringify(body)).not.toContain('inner secret');
  });

  it('has null where there is nothing to name, and the more exact code where there is one', () => {
    expect(openAiErrorBody(new GatewayError('INVALID_REQUEST', 'No.'), 'r').error).toMatchObject({
      param: null,
      code: null,
    });
    const metadata = { field: 'n', code: 'unsupported_parameter' };
    expect(
      openAiErrorBody(new GatewayError('INVALID_REQUEST', 'No.', { metadata }), 'r').error,
    ).toMatchObject({
      param: 'n',
      code: 'unsupported_parameter',
      gateway: { reason: 'INVALID_REQUEST', request_id: 'r' },
    });
  });

  it.each(Object.keys(REASONS) as Reason[])('has a status of its class for %s', (reason) => {
    const { status } = openAiSurface.renderError(new GatewayError(reason, 'x'), 'r');
    expect(status).toBe(OPENAI_ERRORS[reason].status);
    // Their client repeats everything from 500 on: what no other try can change must not look like that.
    const hopeless = REASONS[reason].code === 'INVALID_ARGUMENT' || REASONS[reason].code === 'UNIMPLEMENTED';
    if (hopeless) expect(status).toBeLessThan(500);
  });

  it('has the status of the failure itself where HTTP has one', () => {
    const rendered = openAiSurface.renderError(new HttpError(415, 'INVALID_REQUEST', 'x'), 'r');
    expect(rendered).toMatchObject({ status: 415, contentType: 'application/json; charset=utf-8' });
    expect(JSON.parse(rendered.body)).toMatchObject({ error: { type: 'invalid_request_error' } });
  });
});
