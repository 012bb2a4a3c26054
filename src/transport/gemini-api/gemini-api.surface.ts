import type { CanonicalCode, GatewayError, Reason } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import { HttpError } from '../http/http-error.js';
import type { HttpSurface, RenderedError } from '../http/http-surface.js';

/** HTTP status of each reason, as Google would answer it. */
const GEMINI_STATUS = {
  INVALID_REQUEST: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  MODEL_NOT_FOUND: 404,
  REQUEST_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  QUEUE_FULL: 429,
  BUDGET_EXHAUSTED: 429,
  GUARDRAIL_BLOCKED: 400,
  SAFETY_BLOCKED: 400,
  SCHEMA_MISMATCH: 400,
  EMPTY_RESPONSE: 503,
  UPSTREAM_RATE_LIMITED: 429,
  UPSTREAM_QUOTA_EXHAUSTED: 429,
  UPSTREAM_OVERLOADED: 503,
  UPSTREAM_UNAVAILABLE: 503,
  UPSTREAM_AUTH: 500,
  UPSTREAM_PROTOCOL: 503,
  NO_TARGET: 503,
  DEADLINE_EXCEEDED: 504,
  CANCELLED: 499,
  IDEMPOTENCY_CONFLICT: 409,
  STORAGE_UNAVAILABLE: 503,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
} as const satisfies Record<Reason, number>;

/** Google's error document for an error: its status word, and details that a Google client understands. */
export function googleErrorBody(error: GatewayError, requestId: string): JsonObject {
  const { reason, message, metadata, details: more, retryAfterMs } = error;
  const details: JsonObject[] = [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason,
      domain: 'gemini-gateway',
      metadata: { requestId, ...textual({ ...metadata, ...more }) },
    },
  ];
  if (retryAfterMs !== undefined) {
    details.push({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: `${retryAfterMs / 1000}s`,
    });
  }
  if (metadata.field !== undefined) {
    const violation = { field: metadata.field, description: message };
    details.push({ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [violation] });
  }
  const code = statusOf(error);
  const status: CanonicalCode = code === 404 ? 'NOT_FOUND' : error.code;
  return { error: { code, message, status, details } };
}

/** The Gemini API itself: `/v1beta` as Google has it, and both versions under `/gemini`. */
export const geminiApiSurface: HttpSurface = {
  name: 'gemini',
  prefixes: ['/gemini/', '/v1beta/', '/upload/v1beta/'],
  keyInQuery: true,
  renderError(error, requestId): RenderedError {
    return {
      status: statusOf(error),
      contentType: 'application/json; charset=UTF-8',
      body: JSON.stringify(googleErrorBody(error, requestId)),
    };
  },
};

function statusOf(error: GatewayError): number {
  return error instanceof HttpError ? error.status : GEMINI_STATUS[error.reason];
}

function textual(about: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(
    Object.entries(about).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}
