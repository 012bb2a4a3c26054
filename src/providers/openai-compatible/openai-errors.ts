import { GatewayError, type ErrorMetadata, type Reason } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** A failed answer in OpenAI's shape or in none. */
export interface OpenAiFailure {
  /** HTTP status; absent for an error within a stream. */
  readonly status?: number;
  readonly body: string;
  readonly retryAfterMs?: number | undefined;
}

const MAX_MESSAGE_LENGTH = 2_000;

/**
 * The one map from an OpenAI-compatible upstream's failures to the gateway's: by status, and by `code` or `type`
 * where one status has several causes. Its sentence reaches the caller only where the caller can act on it.
 */
export function openAiError({ status, body, retryAfterMs }: OpenAiFailure): GatewayError {
  const error = errorObject(body);
  const names = [error['code'], error['type']].filter((name) => typeof name === 'string');
  const known = status ?? statusOf(error['code'], names);
  const reason = reasonOf(known, names);
  const metadata: ErrorMetadata = {
    upstreamStatus: known,
    ...(names[0] === undefined ? {} : { upstreamReason: names[0] }),
  };
  return new GatewayError(reason, MESSAGES[reason] ?? safeMessage(error, known), {
    metadata,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/**
 * Milliseconds of a `Retry-After` header (RFC 9110, section 10.2.3: seconds or a date); undefined where there is
 * none or it is neither.
 */
export function retryAfterMs(header: string | string[] | undefined, wallMs: number): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  const seconds = Number(header);
  const waitMs = Number.isNaN(seconds) ? Date.parse(header) - wallMs : seconds * 1_000;
  return Number.isFinite(waitMs) ? Math.max(0, Math.ceil(waitMs)) : undefined;
}

/** Reasons whose sentence is ours, because the upstream's speaks of our account or of nothing the caller knows. */
const MESSAGES: Partial<Record<Reason, string>> = {
  UPSTREAM_AUTH: 'The upstream refused the credentials of the project that was to answer.',
  UPSTREAM_RATE_LIMITED: "The project's rate limit for this model is used up.",
  UPSTREAM_QUOTA_EXHAUSTED: "The project's quota for this model is used up.",
  UPSTREAM_OVERLOADED: 'The model is overloaded.',
  UPSTREAM_UNAVAILABLE: 'The upstream failed to answer.',
  UPSTREAM_PROTOCOL: 'The upstream answered with something that is no answer of its API.',
};

function reasonOf(status: number, names: readonly string[]): Reason {
  if (names.includes('insufficient_quota') || status === 402) return 'UPSTREAM_QUOTA_EXHAUSTED';
  switch (status) {
    case 400:
      return names.some((name) => CONTENT_POLICY.has(name)) ? 'SAFETY_BLOCKED' : 'INVALID_REQUEST';
    case 401:
    case 403:
      return 'UPSTREAM_AUTH';
    case 404:
      return 'MODEL_NOT_FOUND';
    case 408:
      return 'UPSTREAM_UNAVAILABLE';
    case 413:
      return 'REQUEST_TOO_LARGE';
    case 429:
      return 'UPSTREAM_RATE_LIMITED';
    case 501:
      return 'UNIMPLEMENTED';
    // 529 is what some upstreams answer when overloaded.
    case 503:
    case 529:
      return 'UPSTREAM_OVERLOADED';
    default:
      if (status >= 500) return 'UPSTREAM_UNAVAILABLE';
      return status > 400 ? 'INVALID_REQUEST' : 'UPSTREAM_PROTOCOL';
  }
}

const CONTENT_POLICY = new Set(['content_policy_violation', 'content_filter']);

const STATUS_OF_NAME: ReadonlyMap<string, number> = new Map([
  ['invalid_request_error', 400],
  ['authentication_error', 401],
  ['invalid_api_key', 401],
  ['permission_error', 403],
  ['model_not_found', 404],
  ['rate_limit_exceeded', 429],
  ['rate_limit_error', 429],
  ['insufficient_quota', 429],
  ['overloaded_error', 503],
]);

/** An error within a stream has no status but what its code or its names stand for. */
function statusOf(code: JsonValue | undefined, names: readonly string[]): number {
  if (typeof code === 'number') return code;
  return names.map((name) => STATUS_OF_NAME.get(name)).find((status) => status !== undefined) ?? 500;
}

function errorObject(body: string): JsonObject {
  let document: JsonValue;
  try {
    document = JSON.parse(body) as JsonValue;
  } catch (cause) {
    if (cause instanceof SyntaxError) return {};
    throw cause;
  }
  if (!isJsonObject(document)) return {};
  const { error } = document;
  if (typeof error === 'string') return { message: error };
  return isJsonObject(error) ? error : document;
}

// These sentences have been seen to quote the key that was refused.
function safeMessage(error: JsonObject, status: number): string {
  const { message } = error;
  if (typeof message !== 'string' || message === '') return `The upstream answered ${status}.`;
  return message.slice(0, MAX_MESSAGE_LENGTH).replace(/\b(?:sk|pk|key)-[\w*-]{8,}/g, '[removed]');
}
