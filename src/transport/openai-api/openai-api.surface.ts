import type { GatewayError, Reason } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import { HttpError } from '../http/http-error.js';
import type { HttpSurface, RenderedError } from '../http/http-surface.js';

/** How OpenAI would say it: HTTP status, `type` and `code`. */
interface OpenAiTraits {
  readonly status: number;
  readonly type: ErrorType;
  readonly code: string | null;
}

type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'insufficient_quota'
  | 'server_error';

const traits = (status: number, type: ErrorType, code: string | null = null): OpenAiTraits => ({
  status,
  type,
  code,
});

/** Each reason in OpenAI's words. Their client tries 408, 409, 429 and everything from 500 on again. */
export const OPENAI_ERRORS = {
  INVALID_REQUEST: traits(400, 'invalid_request_error'),
  UNAUTHENTICATED: traits(401, 'authentication_error', 'invalid_api_key'),
  PERMISSION_DENIED: traits(403, 'permission_error', 'permission_denied'),
  MODEL_NOT_FOUND: traits(404, 'invalid_request_error', 'model_not_found'),
  REQUEST_TOO_LARGE: traits(413, 'invalid_request_error', 'request_too_large'),
  RATE_LIMITED: traits(429, 'rate_limit_error', 'rate_limit_exceeded'),
  QUEUE_FULL: traits(429, 'rate_limit_error', 'queue_full'),
  BUDGET_EXHAUSTED: traits(429, 'insufficient_quota', 'insufficient_quota'),
  GUARDRAIL_BLOCKED: traits(400, 'invalid_request_error', 'content_filter'),
  SAFETY_BLOCKED: traits(400, 'invalid_request_error', 'content_filter'),
  SCHEMA_MISMATCH: traits(422, 'invalid_request_error', 'schema_mismatch'),
  EMPTY_RESPONSE: traits(502, 'server_error', 'empty_response'),
  UPSTREAM_RATE_LIMITED: traits(429, 'rate_limit_error', 'rate_limit_exceeded'),
  UPSTREAM_QUOTA_EXHAUSTED: traits(429, 'insufficient_quota', 'insufficient_quota'),
  UPSTREAM_OVERLOADED: traits(503, 'server_error', 'overloaded'),
  UPSTREAM_UNAVAILABLE: traits(502, 'server_error', 'upstream_unavailable'),
  UPSTREAM_AUTH: traits(502, 'server_error', 'upstream_auth'),
  UPSTREAM_PROTOCOL: traits(502, 'server_error', 'upstream_protocol'),
  NO_TARGET: traits(503, 'server_error', 'no_target'),
  DEADLINE_EXCEEDED: traits(504, 'server_error', 'timeout'),
  CANCELLED: traits(499, 'invalid_request_error', 'cancelled'),
  IDEMPOTENCY_CONFLICT: traits(409, 'invalid_request_error', 'idempotency_conflict'),
  STORAGE_UNAVAILABLE: traits(503, 'server_error', 'storage_unavailable'),
  // Another try finds the same targets with the same abilities: no 5xx, which their client would repeat.
  UNIMPLEMENTED: traits(400, 'invalid_request_error', 'unsupported'),
  INTERNAL: traits(500, 'server_error', 'internal_error'),
} as const satisfies Record<Reason, OpenAiTraits>;

/** An error as OpenAI writes it, without what is around it. */
export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  /** The request field at fault. */
  readonly param: string | null;
  readonly code: string | null;
  /** The gateway's own reason, and what else is known. */
  readonly gateway: JsonObject;
}

/** An error in OpenAI's words. */
export function openAiError(error: GatewayError, requestId: string): OpenAiError {
  const { type, code }: OpenAiTraits = OPENAI_ERRORS[error.reason];
  const { field, code: own, ...details } = error.metadata;
  return {
    message: error.message,
    type,
    param: field ?? null,
    code: typeof own === 'string' ? own : code,
    gateway: {
      reason: error.reason,
      request_id: requestId,
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
      ...snakeCased(details),
      ...(error.details as JsonObject | undefined),
    },
  };
}

/** The document that OpenAI answers in place of an answer. */
export function openAiErrorBody(error: GatewayError, requestId: string): { readonly error: OpenAiError } {
  return { error: openAiError(error, requestId) };
}

/** OpenAI's API under a prefix of its own. */
export const openAiSurface: HttpSurface = {
  name: 'openai',
  prefixes: ['/openai/'],
  keyInQuery: false,
  renderError(error, requestId): RenderedError {
    return {
      status: error instanceof HttpError ? error.status : OPENAI_ERRORS[error.reason].status,
      contentType: 'application/json; charset=utf-8',
      body: JSON.stringify(openAiErrorBody(error, requestId)),
    };
  },
};

/** Names of details as OpenAI's API spells names. */
function snakeCased(details: GatewayError['metadata']): JsonObject {
  const entries = Object.entries(details);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
