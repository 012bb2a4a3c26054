import { isJsonObject, type JsonObject } from '../../core/json.js';

/** What a 429 of Google's says. `gate` means that there is no quota at all: waiting does not help. */
export type QuotaKind = 'day' | 'gate' | 'minute' | 'shared';

/** A 429, understood. */
export interface QuotaFailure {
  readonly kind: QuotaKind;
  /** The quota that decided, as Google names it. */
  readonly quotaId?: string;
  /** Its limit, where Google names one. */
  readonly quotaValue?: string;
  /** Longest of the waits that Google named. */
  readonly retryAfterMs?: number;
}

const SEVERITY: Readonly<Record<QuotaKind, number>> = { day: 3, gate: 2, minute: 1, shared: 0 };

/**
 * Tells Google's limits apart. Only the quota id separates them; of several violations the worst wins
 * (day, then gate, then minute). Without a QuotaFailure it is shared capacity. The wait is the longest of
 * RetryInfo, the prose and `Retry-After`, which can disagree.
 */
export function readQuotaFailure(error: JsonObject, retryAfterHeader: string | undefined): QuotaFailure {
  const message = typeof error['message'] === 'string' ? error['message'] : '';
  const details = Array.isArray(error['details']) ? error['details'].filter(isJsonObject) : [];
  let kind: QuotaKind = 'shared';
  let quotaId: string | undefined;
  let quotaValue: string | undefined;
  for (const violation of details.flatMap(violationsOf)) {
    const named = violation['quotaId'] ?? violation['quotaMetric'];
    const id = typeof named === 'string' ? named : '';
    const found = kindOf(id, violation, message);
    if (SEVERITY[found] > SEVERITY[kind]) {
      kind = found;
      quotaId = id;
      quotaValue = typeof violation['quotaValue'] === 'string' ? violation['quotaValue'] : undefined;
    }
  }
  const waits = [
    ...details.map((detail) => durationMs(detail['retryDelay'])),
    durationMs(/retry in ([\dhms.]+)s?\b/i.exec(message)?.[1]),
    retryAfterHeader === undefined ? undefined : Number(retryAfterHeader) * 1000,
  ].filter((wait): wait is number => wait !== undefined && Number.isFinite(wait) && wait >= 0);
  return {
    kind,
    ...(quotaId === undefined ? {} : { quotaId }),
    ...(quotaValue === undefined ? {} : { quotaValue }),
    ...(waits.length === 0 ? {} : { retryAfterMs: Math.ceil(Math.max(...waits)) }),
  };
}

function violationsOf(detail: JsonObject): JsonObject[] {
  return Array.isArray(detail['violations']) ? detail['violations'].filter(isJsonObject) : [];
}

function kindOf(id: string, violation: JsonObject, message: string): QuotaKind {
  if (/Per_?Day/i.test(id)) return 'day';
  const { quotaValue } = violation;
  // JSON of a protocol buffer leaves a zero out, so an absent value is one unless the prose names another.
  const limit = quotaValue ?? /limit: (\d+)/.exec(message)?.[1] ?? '0';
  return limit === '0' || /limit: 0\b/.test(message) ? 'gate' : 'minute';
}

/** Milliseconds of `34.4s`, `1h52m56.4s`, `850.2ms` or a bare number of seconds; undefined for anything else. */
function durationMs(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const milliseconds = /^(\d+(?:\.\d+)?)ms$/.exec(value)?.[1];
  if (milliseconds !== undefined) return Number(milliseconds);
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?\.?$/.exec(value);
  if (match === null || value === '') return undefined;
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}
