import { GatewayError, type ErrorMetadata, type Reason } from '../../core/gateway-error.js';

/** A failure that HTTP has a status of its own for, below what the taxonomy tells apart. */
export class HttpError extends GatewayError {
  constructor(
    readonly status: number,
    reason: Reason,
    message: string,
    metadata: ErrorMetadata = {},
  ) {
    super(reason, message, { metadata });
  }
}

interface Thrown {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly getStatus?: unknown;
}

/** Whatever was thrown while a request was handled, as a GatewayError in words for the caller. */
export function httpErrorFrom(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const { code, statusCode, getStatus } = (thrown ?? {}) as Thrown;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError('REQUEST_TOO_LARGE', 'The body is larger than this gateway takes.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unsupportedMediaType();
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new GatewayError('INVALID_REQUEST', 'The body is empty; a JSON object is needed.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new GatewayError('INVALID_REQUEST', 'The body is not as long as Content-Length says.');
    default: {
      const status =
        typeof getStatus === 'function' ? (thrown as { getStatus(): number }).getStatus() : statusCode;
      return typeof status === 'number' && status >= 400 && status < 500
        ? clientError(status)
        : GatewayError.from(thrown);
    }
  }
}

/** 415. */
export function unsupportedMediaType(): HttpError {
  return new HttpError(415, 'INVALID_REQUEST', 'The body must be JSON: send Content-Type: application/json.');
}

function clientError(status: number): HttpError {
  if (status === 404) return new HttpError(404, 'INVALID_REQUEST', 'There is nothing at this path.');
  if (status === 405) return new HttpError(405, 'INVALID_REQUEST', 'This path does not take this method.');
  return new HttpError(status, 'INVALID_REQUEST', 'The request is not valid HTTP for this path.');
}
