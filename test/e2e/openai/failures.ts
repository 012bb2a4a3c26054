import type { Reason } from '../../../src/core/gateway-error.js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import type { ScenarioKind } from '../../../src/emulator/scenario-kinds.js';

/** What a caller sees of a call to which something happened. */
export type Seen =
  | {
      readonly kind: 'answered';
      readonly finish: string;
      readonly outcome: string;
      readonly refusal?: string;
    }
  /** An error in place of an answer. */
  | { readonly kind: 'refused'; readonly reason: Reason; readonly status: number; readonly outcome?: string }
  /** An error after the beginning of a stream. */
  | { readonly kind: 'broken'; readonly reason: Reason; readonly outcome?: string };

/** One thing that can happen to a call, whole and streamed. */
export interface FailureRow {
  readonly whole: Seen;
  readonly stream: Seen;
  readonly scenario?: Scenario;
}

const answered = (finish: string, outcome: string, refusal?: string): Seen => ({
  kind: 'answered',
  finish,
  outcome,
  ...(refusal === undefined ? {} : { refusal }),
});
const refused = (reason: Reason, status: number, outcome?: string): Seen => ({
  kind: 'refused',
  reason,
  status,
  ...(outcome === undefined ? {} : { outcome }),
});
const broken = (reason: Reason, outcome?: string): Seen => ({
  kind: 'broken',
  reason,
  ...(outcome === undefined ? {} : { outcome }),
});
const both = (seen: Seen): FailureRow => ({ whole: seen, stream: seen });

/** Every kind of scenario that the emulator can play. */
export const EVERY_KIND = {
  answer: both(answered('stop', 'ok')),
  'bad-key': both(refused('UPSTREAM_AUTH', 502)),
  unauthorized: both(refused('UPSTREAM_AUTH', 502)),
  forbidden: both(refused('UPSTREAM_AUTH', 502)),
  'not-found': both(refused('MODEL_NOT_FOUND', 404)),
  'schema-too-complex': both(refused('INVALID_REQUEST', 400)),
  'rate-minute': both(refused('UPSTREAM_RATE_LIMITED', 429)),
  'rate-tokens': both(refused('UPSTREAM_RATE_LIMITED', 429)),
  'rate-day': both(refused('UPSTREAM_QUOTA_EXHAUSTED', 429)),
  gate: both(refused('UPSTREAM_QUOTA_EXHAUSTED', 429)),
  'shared-capacity': both(refused('UPSTREAM_RATE_LIMITED', 429)),
  'cancelled-499': both(refused('UPSTREAM_UNAVAILABLE', 502)),
  'internal-500': both(refused('UPSTREAM_UNAVAILABLE', 502)),
  'unavailable-503': both(refused('UPSTREAM_OVERLOADED', 503)),
  'deadline-504': both(refused('UPSTREAM_UNAVAILABLE', 502)),
  'html-404': both(refused('MODEL_NOT_FOUND', 404)),
  'html-200': both(refused('UPSTREAM_PROTOCOL', 502)),
  raw: { ...both(refused('UPSTREAM_PROTOCOL', 502)), scenario: { rawBody: '["no answer"]' } },
  'mid-stream-error-event': {
    whole: refused('UPSTREAM_OVERLOADED', 503),
    stream: broken('UPSTREAM_OVERLOADED'),
  },
  'mid-stream-error-raw': {
    whole: refused('UPSTREAM_UNAVAILABLE', 502),
    stream: broken('UPSTREAM_UNAVAILABLE'),
  },
  'prompt-block': both(refused('SAFETY_BLOCKED', 400, 'blocked')),
  safety: both(answered('content_filter', 'blocked', 'SAFETY')),
  recitation: both(answered('content_filter', 'blocked', 'RECITATION')),
  'empty-content': {
    whole: refused('EMPTY_RESPONSE', 502, 'empty'),
    stream: broken('EMPTY_RESPONSE', 'empty'),
  },
  'max-tokens-thoughts': both(answered('length', 'truncated')),
  'missing-candidates': both(refused('EMPTY_RESPONSE', 502)),
  'no-finish': { whole: refused('UPSTREAM_PROTOCOL', 502), stream: broken('UPSTREAM_PROTOCOL') },
  'malformed-function-call': {
    whole: refused('UPSTREAM_PROTOCOL', 502, 'malformed'),
    stream: broken('UPSTREAM_PROTOCOL', 'malformed'),
  },
  'invalid-json': { whole: refused('UPSTREAM_PROTOCOL', 502), stream: broken('UPSTREAM_PROTOCOL') },
  'truncated-json': { whole: refused('UPSTREAM_PROTOCOL', 502), stream: broken('UPSTREAM_PROTOCOL') },
  'reset-before-headers': both(refused('UPSTREAM_UNAVAILABLE', 502)),
  silence: both(refused('UPSTREAM_UNAVAILABLE', 502)),
} as const satisfies Record<ScenarioKind, FailureRow>;
