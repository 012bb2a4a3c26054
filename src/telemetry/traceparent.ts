import type { TraceContext } from '../core/call.js';

// Versions to come may append fields, and keep these; `ff` is none (https://www.w3.org/TR/trace-context/#versioning-of-traceparent).
const TRACEPARENT = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const NO_ID = /^0+$/;
const SAMPLED = 1;

/**
 * The caller's trace, from the value of a `traceparent` header (W3C Trace Context, level 1). Undefined for whatever
 * is not exactly one valid value: then the call has no parent.
 */
export function traceOf(header: string | readonly string[] | undefined): TraceContext | undefined {
  if (typeof header !== 'string') return undefined;
  const [, version, traceId = '', parentSpanId = '', flags = '', more] = TRACEPARENT.exec(header) ?? [];
  if (version === undefined || NO_ID.test(traceId) || NO_ID.test(parentSpanId)) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  return { traceId, parentSpanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}
