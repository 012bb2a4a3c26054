import { GatewayError, type ErrorMetadata, type Reason } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { readQuotaFailure } from './quota-failure.js';

/** A failed answer of Google's, as received. */
export interface GoogleFailure {
  /** HTTP status, or the `code` of an error within a stream. */
  readonly status: number;
  readonly body: string;
  readonly retryAfter?: string | undefined;
}

const MAX_MESSAGE_LENGTH = 2_000;

/**
 * The one map from Google's failures to the gateway's. Takes JSON, JSON wrapped in an array, JSON behind
 * `data:` and HTML. Google's sentence reaches the caller only where the caller can act on it.
 */
export function googleError(failure: GoogleFailure): GatewayError {
  const error = errorObject(failure.body);
  const { status } = failure;
  if (status === 429) return quotaError(error ?? {}, failure);
  const metadata: ErrorMetadata = {
    upstreamStatus: status,
    ...upstreamReason(error),
    ...(refusesSignatures(status, error) ? { signatures: 'refused' } : {}),
  };
  const reason = reasonOf(status, error);
  return new GatewayError(reason, MESSAGES[reason] ?? safeMessage(error, status), { metadata });
}

/** The error object within a JSON text, or undefined where the text holds none. */
export function errorObject(text: string): JsonObject | undefined {
  let document: JsonValue;
  try {
    document = JSON.parse(text.replace(/^\s*data:/, '')) as JsonValue;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
  const first = Array.isArray(document) ? document[0] : document;
  const error = isJsonObject(first) ? first['error'] : undefined;
  return isJsonObject(error) ? error : undefined;
}

/** Reasons whose sentence is ours, because Google's speaks of our credentials or of nothing the caller knows. */
const MESSAGES: Partial<Record<Reason, string>> = {
  UPSTREAM_AUTH: 'Google refused the credentials of the project that was to answer.',
  UPSTREAM_OVERLOADED: 'The model is overloaded.',
  UPSTREAM_UNAVAILABLE: 'Google failed to answer.',
  UPSTREAM_PROTOCOL: 'Google answered with something that is no answer of its API.',
};

const NAMED_RESOURCE = /\b(?:files?|cached ?content)\b/i;

function textOf(error: JsonObject | undefined): string {
  const message = error?.['message'];
  return typeof message === 'string' ? message : '';
}

const THOUGHT_SIGNATURE = /thought[ _]?signature/i;
const REFUSED = /\b(?:missing|invalid|not valid|corrupted)\b/i;

/**
 * Whether the request would pass with other thought signatures: one is missing, foreign or altered. An API version that
 * does not know the field at all calls it an unknown name.
 */
function refusesSignatures(status: number, error: JsonObject | undefined): boolean {
  if (status !== 400) return false;
  const text = textOf(error);
  return THOUGHT_SIGNATURE.test(text) && REFUSED.test(text) && !/\bunknown name\b/i.test(text);
}

function reasonOf(status: number, error: JsonObject | undefined): Reason {
  if (status === 400) {
    if (detailReason(error) === 'API_KEY_INVALID') return 'UPSTREAM_AUTH';
    return error?.['status'] === 'FAILED_PRECONDITION' ? 'UPSTREAM_AUTH' : 'INVALID_REQUEST';
  }
  // A file or cached content that is not the project's; the caller named it.
  if (status === 403 && NAMED_RESOURCE.test(textOf(error))) return 'PERMISSION_DENIED';
  if (status === 401 || status === 403) return 'UPSTREAM_AUTH';
  if (status === 404) return 'MODEL_NOT_FOUND';
  if (status === 501) return 'UNIMPLEMENTED';
  if (status === 413) return 'REQUEST_TOO_LARGE';
  if (status === 503) return 'UPSTREAM_OVERLOADED';
  if (status === 408 || status === 499 || (status >= 500 && status <= 599)) return 'UPSTREAM_UNAVAILABLE';
  return status > 400 && status < 500 ? 'INVALID_REQUEST' : 'UPSTREAM_PROTOCOL';
}

function quotaError(error: JsonObject, failure: GoogleFailure): GatewayError {
  const quota = readQuotaFailure(error, failure.retryAfter);
  const lasting = quota.kind === 'day' || quota.kind === 'gate';
  return new GatewayError(
    lasting ? 'UPSTREAM_QUOTA_EXHAUSTED' : 'UPSTREAM_RATE_LIMITED',
    QUOTA_MESSAGES[quota.kind],
    {
      ...(quota.retryAfterMs === undefined ? {} : { retryAfterMs: quota.retryAfterMs }),
      metadata: {
        upstreamStatus: 429,
        quotaKind: quota.kind,
        ...(quota.quotaId === undefined ? {} : { quotaId: quota.quotaId }),
        ...(quota.quotaValue === undefined ? {} : { quotaValue: quota.quotaValue }),
      },
    },
  );
}

const QUOTA_MESSAGES = {
  day: "The project's daily quota for this model is used up.",
  gate: 'The project has no quota for this model.',
  minute: "The project's quota per minute for this model is used up.",
  shared: "Google's shared capacity for this model is used up.",
} as const;

function upstreamReason(error: JsonObject | undefined): ErrorMetadata {
  const reason = detailReason(error) ?? error?.['status'];
  return typeof reason === 'string' ? { upstreamReason: reason } : {};
}

function detailReason(error: JsonObject | undefined): string | undefined {
  const details = error?.['details'];
  if (!Array.isArray(details)) return undefined;
  for (const detail of details) {
    if (isJsonObject(detail) && typeof detail['reason'] === 'string') return detail['reason'];
  }
  return undefined;
}

// Google's sentences have been seen to name the key itself ("Consumer 'api_key:AIza…' has been suspended").
function safeMessage(error: JsonObject | undefined, status: number): string {
  const message = error?.['message'];
  if (typeof message !== 'string' || message === '') return `Google answered ${status}.`;
  return message.replace(/AIza[\w-]{10,}|ya29\.[\w.-]+/g, '[removed]').slice(0, MAX_MESSAGE_LENGTH);
}
