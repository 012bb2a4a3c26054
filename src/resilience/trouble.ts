import type { GatewayError } from '../core/gateway-error.js';

/** What went wrong with an attempt, as far as the next step depends on it. */
export type Trouble =
  | 'credentials'
  | 'quota_minute'
  | 'quota_day'
  | 'quota_gate'
  | 'shared_capacity'
  | 'overloaded'
  | 'failing'
  | 'timeout'
  | 'empty'
  | 'signatures'
  | 'unfit'
  | 'final';

/** What is done about a trouble. */
export interface Treatment {
  /** Tries on the same target, the first included. */
  readonly tries: number;
  /** When the same target is tried again: without waiting, after a backoff, or when the upstream said. */
  readonly again: 'at_once' | 'backoff' | 'when_told' | 'never';
  /** Detail of the error without which the same target is not tried again. */
  readonly needs?: string;
  /** Whether any retry, here or elsewhere, needs the task's leave. */
  readonly byLeave?: true;
  /** Whether another target may be tried. */
  readonly elsewhere: boolean;
  /** How long calls keep off the target: as told, or until its quota starts anew; absent where they need not. */
  readonly rest?: 'as_told' | 'until_reset';
  /** Whether an operator must hear of it: nothing gets better by waiting. */
  readonly alert: boolean;
}

/**
 * The one table of answers to failures. A trouble that says nothing about the target's health (quota, credentials)
 * never counts against it; whether one does is the reason's `countsAgainstTarget`.
 */
export const TREATMENTS = {
  // The provider sets a refused key aside, or renews a token, and says whether the next try comes with another.
  credentials: { tries: 4, again: 'at_once', needs: 'otherCredentials', elsewhere: true, alert: true },
  quota_minute: { tries: 2, again: 'when_told', elsewhere: true, rest: 'as_told', alert: false },
  quota_day: { tries: 1, again: 'never', elsewhere: true, rest: 'until_reset', alert: false },
  quota_gate: { tries: 1, again: 'never', elsewhere: true, rest: 'until_reset', alert: true },
  shared_capacity: { tries: 3, again: 'backoff', elsewhere: true, alert: false },
  overloaded: { tries: 3, again: 'backoff', elsewhere: true, alert: false },
  failing: { tries: 3, again: 'backoff', elsewhere: true, alert: false },
  timeout: { tries: 2, again: 'backoff', elsewhere: true, alert: false },
  // Often mended by asking again, but both answers are paid for.
  empty: { tries: 2, again: 'backoff', byLeave: true, elsewhere: true, alert: false },
  // Another model or project made them; the next try comes without.
  signatures: { tries: 2, again: 'at_once', needs: 'otherSignatures', elsewhere: false, alert: false },
  // The target cannot do what is asked; another may.
  unfit: { tries: 1, again: 'never', elsewhere: true, alert: false },
  final: { tries: 1, again: 'never', elsewhere: false, alert: false },
} as const satisfies Record<Trouble, Treatment>;

/** Which trouble an error is. */
export function troubleOf(error: GatewayError): Trouble {
  switch (error.reason) {
    case 'UPSTREAM_AUTH':
      return 'credentials';
    case 'UPSTREAM_RATE_LIMITED':
      return error.metadata['quotaKind'] === 'shared' ? 'shared_capacity' : 'quota_minute';
    case 'UPSTREAM_QUOTA_EXHAUSTED':
      return error.metadata['quotaKind'] === 'gate' ? 'quota_gate' : 'quota_day';
    case 'UPSTREAM_OVERLOADED':
      return 'overloaded';
    case 'UPSTREAM_UNAVAILABLE':
      return error.metadata['timeout'] === undefined ? 'failing' : 'timeout';
    case 'UPSTREAM_PROTOCOL':
      return 'failing';
    case 'EMPTY_RESPONSE':
      return 'empty';
    case 'UNIMPLEMENTED':
      return 'unfit';
    case 'INVALID_REQUEST':
      return error.metadata['signatures'] === 'refused' ? 'signatures' : 'final';
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
    case 'MODEL_NOT_FOUND':
    case 'REQUEST_TOO_LARGE':
    case 'RATE_LIMITED':
    case 'QUEUE_FULL':
    case 'BUDGET_EXHAUSTED':
    case 'GUARDRAIL_BLOCKED':
    case 'SAFETY_BLOCKED':
    case 'SCHEMA_MISMATCH':
    case 'NO_TARGET':
    case 'DEADLINE_EXCEEDED':
    case 'CANCELLED':
    case 'IDEMPOTENCY_CONFLICT':
    case 'STORAGE_UNAVAILABLE':
    case 'INTERNAL':
      return 'final';
  }
}
