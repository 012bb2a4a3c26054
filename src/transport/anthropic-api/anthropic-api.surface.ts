import type { GatewayError, Reason } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import { HttpError } from '../http/http-error.js';
import type { HttpSurface, RenderedError } from '../http/http-surface.js';

/** How Anthropic would say it: HTTP status and `type`. */
interface AnthropicTraits {
  readonly status: number;
  readonly type: ErrorType;
}

type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'request_too_large'
  | 'rate_limit_error'
  | 'timeout_error'
  | 'api_error'
  | 'overloaded_error';

const traits = (status: number, type: ErrorType): AnthropicTraits => ({ status, type });

/** Each reason in Anthropic's words. Their client tries 408, 409, 429 and everything from 500 on again. */
export const ANTHROPIC_ERRORS = {
  INVALID_REQUEST: traits(400, 'invalid_request_error'),
  UNAUTHENTICATED: traits(401, 'authentication_error'),
  PERMISSION_DENIED: traits(403, 'permission_error'),
  MODEL_NOT_FOUND: traits(404, 'not_found_error'),
  REQUEST_TOO_LARGE: traits(413, 'request_too_large'),
  RATE_LIMITED: traits(429, 'rate_limit_error'),
  QUEUE_FULL: traits(429, 'rate_limit_error'),
  BUDGET_EXHAUSTED: traits(429, 'rate_limit_error'),
  GUARDRAIL_BLOCKED: traits(400, 'invalid_request_error'),
  SAFETY_BLOCKED: traits(400, 'invalid_request_error'),
  SCHEMA_MISMATCH: traits(422, 'invalid_request_error'),
  EMPTY_RESPONSE: traits(502, 'api_error'),
  UPSTREAM_RATE_LIMITED: traits(429, 'rate_limit_error'),
  UPSTREAM_QUOTA_EXHAUSTED: traits(429, 'rate_limit_error'),
  UPSTREAM_OVERLOADED: traits(529, 'overloaded_error'),
  UPSTREAM_UNAVAILABLE: traits(502, 'api_error'),
  UPSTREAM_AUTH: traits(502, 'api_error'),
  UPSTREAM_PROTOCOL: traits(502, 'api_error'),
  NO_TARGET: traits(503, 'api_error'),
  DEADLINE_EXCEEDED: traits(504, 'timeout_error'),
  CANCELLED: traits(499, 'invalid_request_error'),
  IDEMPOTENCY_CONFLICT: traits(409, 'invalid_request_error'),
  STORAGE_UNAVAILABLE: traits(503, 'api_error'),
  // Another try finds the same targets with the same abilities: no 5xx, which their client would repeat.
  UNIMPLEMENTED: traits(400, 'invalid_request_error'),
  INTERNAL: traits(500, 'api_error'),
} as const satisfies Record<Reason, AnthropicTraits>;

/** What tells their client to send whole conversations from now on. */
const NO_THREADS: JsonObject = { error_code: 'thread_unsupported_request', unsupported: [] };

/** The document that Anthropic answers in place of an answer; `gateway` is what only this gateway knows. */
export function anthropicErrorBody(error: GatewayError, requestId: string): JsonObject {
  const { code: _, ...details } = error.metadata;
  return {
    type: 'error',
    error: {
      type: ANTHROPIC_ERRORS[error.reason].type,
      message: error.message,
      ...(error.metadata.field === 'thread' ? { details: NO_THREADS } : {}),
      gateway: {
        reason: error.reason,
        ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
        ...snakeCased(details),
        ...(error.details as JsonObject | undefined),
      },
    },
    request_id: requestId,
  };
}

/** Anthropic's API under a prefix of its own. */
export const anthropicApiSurface: HttpSurface = {
  name: 'anthropic',
  prefixes: ['/anthropic/'],
  keyInQuery: false,
  renderError(error, requestId): RenderedError {
    return {
      status: error instanceof HttpError ? error.status : ANTHROPIC_ERRORS[error.reason].status,
      contentType: 'application/json; charset=utf-8',
      body: JSON.stringify(anthropicErrorBody(error, requestId)),
    };
  },
};

/** Names of details as Anthropic's API spells names. */
function snakeCased(details: GatewayError['metadata']): JsonObject {
  const named = Object.entries(details).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return Object.fromEntries(named) as JsonObject;
}
