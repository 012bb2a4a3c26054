import { NotFoundException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { HttpError, httpErrorFrom, unsupportedMediaType } from '../../../../src/transport/http/http-error.js';

describe('httpErrorFrom', () => {
  it('leaves a GatewayError as it is', () => {
    const error = new GatewayError('NO_TARGET', 'None.');
    expect(httpErrorFrom(error)).toBe(error);
  });

  it.each([
    [400, 'INVALID_REQUEST', 400],
    [404, 'INVALID_REQUEST', 404],
    [405, 'INVALID_REQUEST', 405],
    [415, 'INVALID_REQUEST', 415],
    [431, 'INVALID_REQUEST', 431],
  ])('keeps the server’s %i in words of its own', (statusCode, reason, status) => {
    const error = httpErrorFrom(Object.assign(new Error('Body "secret" is odd'), { statusCode }));
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({ reason, status });
    expect(error.message).not.toContain('secret');
  });

  it('takes 413 for a body that is too large', () => {
    expect(httpErrorFrom(Object.assign(new Error('x'), { statusCode: 413 }))).toMatchObject({
      reason: 'REQUEST_TOO_LARGE',
    });
  });

  it('understands the framework’s own', () => {
    expect(httpErrorFrom(new NotFoundException('Cannot GET /secret'))).toMatchObject({
      status: 404,
      message: 'There is nothing at this path.',
    });
  });

  it.each([new TypeError('a bug'), 'text', undefined, null, 7, { statusCode: 500 }, { statusCode: '404' }])(
    'takes %p for INTERNAL',
    (thrown) => {
      expect(httpErrorFrom(thrown).reason).toBe('INTERNAL');
    },
  );

  it('says which type a body must have', () => {
    expect(unsupportedMediaType()).toMatchObject({
      status: 415,
      message: expect.stringContaining('application/json'),
    });
  });
});
