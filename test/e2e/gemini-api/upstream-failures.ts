import type { Reason } from '../../../src/core/gateway-error.js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import type { ScenarioKind } from '../../../src/emulator/scenario-kinds.js';

/** What a caller sees of a call to which something happened. */
export type Seen =
  /** An answer, with Google's finish or block reason and the outcome that the log gives it. */
  | { readonly kind: 'answered'; readonly finishReason: string; readonly outcome: string }
  /** An error in place of an answer; `elsewhere` when another target may answer instead. */
  | {
      readonly kind: 'refused';
      readonly reason: Reason;
      readonly status: number;
      readonly elsewhere: boolean;
      readonly retryDelay?: string;
    }
  /** An error after the beginning of a streamed answer. */
  | { readonly kind: 'broken'; readonly reason: Reason; readonly status: number };

/** One thing that can happen to a call, unary and streamed. */
export interface FailureRow {
  readonly unary: Seen;
  readonly stream: Seen;
  /** What the scenario needs beside its kind. */
  readonly scenario?: Scenario;
  /** The gateway gives the upstream call up. */
  readonly aborts?: boolean;
}

const answered = (finishReason: string, outcome: string): Seen => ({
  kind: 'answered',
  finishReason,
  outcome,
});
const refused = (reason: Reason, status: number): Seen => ({
  kind: 'refused',
  reason,
  status,
  elsewhere: false,
});
const elsewhere = (reason: Reason, status: number, retryDelay?: string): Seen => ({
  kind: 'refused',
  reason,
  status,
  elsewhere: true,
  ...(retryDelay === undefined ? {} : { retryDelay }),
});
const broken = (reason: Reason, status: number): Seen => ({ kind: 'broken', reason, status });
const both = (seen: Seen): FailureRow => ({ unary: seen, stream: seen });

/** Tries on the only target of a model, where they are more than one. */
const TRIES: Partial<Record<Reason, number>> = {
  UPSTREAM_OVERLOADED: 3,
  UPSTREAM_UNAVAILABLE: 3,
  UPSTREAM_PROTOCOL: 3,
  EMPTY_RESPONSE: 2,
};

/** How often the only target of a model is tried, for something that happens to it each time. */
export function triesOf(name: string, seen: Seen): number {
  if (seen.kind !== 'refused') return 1;
  if (name === 'shared-capacity') return 3;
  return name.startsWith('silen') ? 2 : (TRIES[seen.reason] ?? 1);
}

/** Every kind of scenario that the emulator can play. */
export const EVERY_KIND = {
  answer: both(answered('STOP', 'ok')),
  'bad-key': both(elsewhere('UPSTREAM_AUTH', 500)),
  unauthorized: both(elsewhere('UPSTREAM_AUTH', 500)),
  forbidden: both(elsewhere('UPSTREAM_AUTH', 500)),
  'not-found': both(refused('MODEL_NOT_FOUND', 404)),
  'schema-too-complex': both(refused('INVALID_REQUEST', 400)),
  'rate-minute': both(elsewhere('UPSTREAM_RATE_LIMITED', 429, '46s')),
  // The prose says 51.4 s, RetryInfo 14 s: the longer one counts.
  'rate-tokens': both(elsewhere('UPSTREAM_RATE_LIMITED', 429, '51.387s')),
  'rate-day': both(elsewhere('UPSTREAM_QUOTA_EXHAUSTED', 429, '6777s')),
  gate: both(elsewhere('UPSTREAM_QUOTA_EXHAUSTED', 429, '35s')),
  'shared-capacity': both(elsewhere('UPSTREAM_RATE_LIMITED', 429)),
  'cancelled-499': both(elsewhere('UPSTREAM_UNAVAILABLE', 503)),
  'internal-500': both(elsewhere('UPSTREAM_UNAVAILABLE', 503)),
  'unavailable-503': both(elsewhere('UPSTREAM_OVERLOADED', 503)),
  'deadline-504': both(elsewhere('UPSTREAM_UNAVAILABLE', 503)),
  'html-404': both(refused('MODEL_NOT_FOUND', 404)),
  'html-200': both(elsewhere('UPSTREAM_PROTOCOL', 503)),
  raw: {
    unary: elsewhere('UPSTREAM_PROTOCOL', 503),
    stream: elsewhere('UPSTREAM_PROTOCOL', 503),
    scenario: { rawBody: '["neither answer nor error"]' },
  },
  'mid-stream-error-event': {
    unary: elsewhere('UPSTREAM_OVERLOADED', 503),
    stream: broken('UPSTREAM_OVERLOADED', 503),
  },
  'mid-stream-error-raw': {
    unary: elsewhere('UPSTREAM_UNAVAILABLE', 503),
    stream: broken('UPSTREAM_UNAVAILABLE', 503),
  },
  'prompt-block': both(answered('PROHIBITED_CONTENT', 'blocked')),
  safety: both(answered('SAFETY', 'blocked')),
  recitation: both(answered('RECITATION', 'blocked')),
  'empty-content': both(answered('STOP', 'empty')),
  'max-tokens-thoughts': both(answered('MAX_TOKENS', 'truncated')),
  'missing-candidates': both(elsewhere('EMPTY_RESPONSE', 503)),
  'no-finish': {
    unary: elsewhere('UPSTREAM_PROTOCOL', 503),
    stream: broken('UPSTREAM_PROTOCOL', 503),
  },
  'malformed-function-call': both(answered('MALFORMED_FUNCTION_CALL', 'malformed')),
  'invalid-json': {
    unary: elsewhere('UPSTREAM_PROTOCOL', 503),
    stream: broken('UPSTREAM_PROTOCOL', 503),
  },
  'truncated-json': {
    unary: elsewhere('UPSTREAM_PROTOCOL', 503),
    stream: broken('UPSTREAM_PROTOCOL', 503),
  },
  'reset-before-headers': both(elsewhere('UPSTREAM_UNAVAILABLE', 503)),
  silence: { ...both(elsewhere('UPSTREAM_UNAVAILABLE', 503)), aborts: true },
} as const satisfies Record<ScenarioKind, FailureRow>;

/** What can happen to a stream beside its kinds; the same scenarios leave a unary answer whole, or cut it. */
export const BROKEN_STREAMS: Readonly<Record<string, FailureRow & { readonly scenario: Scenario }>> = {
  'cut before its first event': {
    unary: answered('STOP', 'ok'),
    stream: elsewhere('EMPTY_RESPONSE', 503),
    scenario: { cutAfterChunks: 0 },
  },
  'cut after two events': {
    unary: answered('STOP', 'ok'),
    stream: broken('UPSTREAM_PROTOCOL', 503),
    scenario: { cutAfterChunks: 2 },
  },
  'reset before its first event': {
    unary: elsewhere('UPSTREAM_UNAVAILABLE', 503),
    stream: elsewhere('UPSTREAM_UNAVAILABLE', 503),
    scenario: { cutAfterChunks: 0, reset: true },
  },
  'reset after two events': {
    unary: elsewhere('UPSTREAM_UNAVAILABLE', 503),
    stream: broken('UPSTREAM_UNAVAILABLE', 503),
    scenario: { cutAfterChunks: 2, reset: true },
  },
  'silent after two events': {
    unary: elsewhere('UPSTREAM_UNAVAILABLE', 503),
    stream: broken('UPSTREAM_UNAVAILABLE', 503),
    scenario: { kind: 'silence', cutAfterChunks: 2 },
    aborts: true,
  },
};
