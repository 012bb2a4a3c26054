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
  readonly statusCode?: unknown;
  readonly getStatus?: unknown;
}

/** Whatever was thrown while a request was handled, as a GatewayError in words for the caller. */
export function httpErrorFrom(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  const { statusCode, getStatus } = (thrown ?? {}) as Thrown;
  // The framework wraps the server's errors, and of their codes only the status remains.
  const status =
    typeof getStatus === 'function' ? (thrown as { getStatus(): number }).getStatus() : statusCode;
  return typeof status === 'number' && status >= 400 && status < 500
    ? clientError(status)
    : GatewayError.from(thrown);
}

/** 415. */
export function unsupportedMediaType(): HttpError {
  return new HttpError(415, 'INVALID_REQUEST', 'The body must be JSON: send Content-Type: application/json.');
}

function clientError(status: number): GatewayError {
  if (status === 404) return new HttpError(404, 'INVALID_REQUEST', 'There is nothing at this path.');
  if (status === 405) return new HttpError(405, 'INVALID_REQUEST', 'This path does not take this method.');
  if (status === 413)
    return new GatewayError('REQUEST_TOO_LARGE', 'The body is larger than this gateway takes.');
  if (status === 415) return unsupportedMediaType();
  return new HttpError(status, 'INVALID_REQUEST', 'The request is not valid HTTP for this path.');
}
