import type { GatewayError, Reason } from '../../core/gateway-error.js';
import { HttpError } from '../http/http-error.js';
import type { HttpSurface, RenderedError } from '../http/http-surface.js';

/** HTTP status of each reason on the REST surface. */
const REST_STATUS = {
  INVALID_REQUEST: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  MODEL_NOT_FOUND: 404,
  REQUEST_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  QUEUE_FULL: 429,
  BUDGET_EXHAUSTED: 429,
  GUARDRAIL_BLOCKED: 422,
  SAFETY_BLOCKED: 422,
  SCHEMA_MISMATCH: 422,
  EMPTY_RESPONSE: 502,
  UPSTREAM_RATE_LIMITED: 429,
  UPSTREAM_QUOTA_EXHAUSTED: 429,
  UPSTREAM_OVERLOADED: 503,
  UPSTREAM_UNAVAILABLE: 502,
  UPSTREAM_AUTH: 502,
  UPSTREAM_PROTOCOL: 502,
  NO_TARGET: 503,
  DEADLINE_EXCEEDED: 504,
  CANCELLED: 499,
  IDEMPOTENCY_CONFLICT: 409,
  STORAGE_UNAVAILABLE: 503,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
} as const satisfies Record<Reason, number>;

/** An error as RFC 9457 problem details, with the reason as `code`. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: Reason;
  readonly requestId: string;
  readonly retryAfterMs?: number;
  readonly [member: string]: unknown;
}

/** The problem document of an error. */
export function problemOf(error: GatewayError, requestId: string): Problem {
  return {
    type: 'about:blank',
    title: error.reason.toLowerCase().replaceAll('_', ' '),
    status: error instanceof HttpError ? error.status : REST_STATUS[error.reason],
    detail: error.message,
    code: error.reason,
    requestId,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...error.metadata,
    ...error.details,
  };
}

/** The gateway's own REST API. */
export const restSurface: HttpSurface = {
  name: 'rest',
  prefixes: ['/v1/'],
  keyInQuery: false,
  renderError(error, requestId): RenderedError {
    const problem = problemOf(error, requestId);
    return { status: problem.status, contentType: 'application/problem+json', body: JSON.stringify(problem) };
  },
};
