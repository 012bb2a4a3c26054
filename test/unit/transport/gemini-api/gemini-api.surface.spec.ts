import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import {
  geminiApiSurface,
  googleErrorBody,
} from '../../../../src/transport/gemini-api/gemini-api.surface.js';
import { HttpError } from '../../../../src/transport/http/http-error.js';

describe('googleErrorBody', () => {
  it('tells the reason, the wait and the field in details that a Google client reads', () => {
    const error = new GatewayError('INVALID_REQUEST', '"a" is odd.', {
      retryAfterMs: 1_500,
      metadata: { field: 'a', upstreamStatus: 400 },
      cause: new Error('inner secret'),
    });
    const body = googleErrorBody(error, 'r-1');
    expect(body).toEqual({
      error: {
        code: 400,
        message: '"a" is odd.',
        status: 'INVALID_ARGUMENT',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'INVALID_REQUEST',
            domain: 'gemini-gateway',
            metadata: { requestId: 'r-1', field: 'a', upstreamStatus: '400' },
          },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' },
          {
            '@type': 'type.googleapis.com/google.rpc.BadRequest',
            fieldViolations: [{ field: 'a', description: '"a" is odd.' }],
          },
        ],
      },
    });
    expect(JSON.stringify(body)).not.toContain('inner secret');
  });

  it('has lists among the details as JSON: Google’s metadata are texts', () => {
    const details = { errors: [{ path: '/a' }], text: 'said' };
    const body = googleErrorBody(new GatewayError('SCHEMA_MISMATCH', 'x', { details }), 'r');
    expect(body).toMatchObject({
      error: { details: [{ metadata: { errors: '[{"path":"/a"}]', text: 'said' } }] },
    });
  });

  it('has no details about what is not there', () => {
    const { error } = googleErrorBody(new GatewayError('INTERNAL', 'x'), 'r') as {
      error: { details: unknown[] };
    };
    expect(error.details).toHaveLength(1);
  });
});

describe('geminiApiSurface', () => {
  it('renders with the status of the failure itself where HTTP has one', () => {
    const rendered = geminiApiSurface.renderError(new HttpError(415, 'INVALID_REQUEST', 'x'), 'r');
    expect(rendered).toMatchObject({ status: 415, contentType: expect.stringContaining('application/json') });
    expect(JSON.parse(rendered.body)).toMatchObject({ error: { code: 415, status: 'INVALID_ARGUMENT' } });
    const missing = geminiApiSurface.renderError(new HttpError(404, 'INVALID_REQUEST', 'x'), 'r');
    expect(JSON.parse(missing.body)).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
  });
});
