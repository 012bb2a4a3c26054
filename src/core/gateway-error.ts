import type { Usage } from './usage.js';

/** Canonical Google status code (google.rpc.Code). */
export type CanonicalCode =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'UNAUTHENTICATED';

/** What the gateway does about a reason. */
export interface ReasonTraits {
  /** The code that gRPC callers see and that Google's own shape carries. */
  readonly code: CanonicalCode;
  /** Whether another attempt, on this target or another, may succeed. */
  readonly retryable: boolean;
  /** Whether the failure says something about the target's health. */
  readonly countsAgainstTarget: boolean;
}

const traits = (code: CanonicalCode, retryable = false, countsAgainstTarget = false): ReasonTraits => ({
  code,
  retryable,
  countsAgainstTarget,
});

/** Every reason for which a call can fail. `docs/errors.md` has one row for each. */
export const REASONS = {
  INVALID_REQUEST: traits('INVALID_ARGUMENT'),
  UNAUTHENTICATED: traits('UNAUTHENTICATED'),
  PERMISSION_DENIED: traits('PERMISSION_DENIED'),
  MODEL_NOT_FOUND: traits('NOT_FOUND'),
  REQUEST_TOO_LARGE: traits('INVALID_ARGUMENT'),
  RATE_LIMITED: traits('RESOURCE_EXHAUSTED'),
  QUEUE_FULL: traits('RESOURCE_EXHAUSTED'),
  BUDGET_EXHAUSTED: traits('RESOURCE_EXHAUSTED'),
  GUARDRAIL_BLOCKED: traits('FAILED_PRECONDITION'),
  SAFETY_BLOCKED: traits('FAILED_PRECONDITION'),
  SCHEMA_MISMATCH: traits('FAILED_PRECONDITION'),
  EMPTY_RESPONSE: traits('UNAVAILABLE', true),
  UPSTREAM_RATE_LIMITED: traits('RESOURCE_EXHAUSTED', true),
  UPSTREAM_QUOTA_EXHAUSTED: traits('RESOURCE_EXHAUSTED', true),
  UPSTREAM_OVERLOADED: traits('UNAVAILABLE', true, true),
  UPSTREAM_UNAVAILABLE: traits('UNAVAILABLE', true, true),
  UPSTREAM_AUTH: traits('INTERNAL', true),
  UPSTREAM_PROTOCOL: traits('UNAVAILABLE', true, true),
  NO_TARGET: traits('UNAVAILABLE'),
  DEADLINE_EXCEEDED: traits('DEADLINE_EXCEEDED'),
  CANCELLED: traits('CANCELLED'),
  IDEMPOTENCY_CONFLICT: traits('ALREADY_EXISTS'),
  STORAGE_UNAVAILABLE: traits('UNAVAILABLE'),
  UNIMPLEMENTED: traits('UNIMPLEMENTED', true),
  INTERNAL: traits('INTERNAL'),
} as const satisfies Record<string, ReasonTraits>;

/** A row of the table. Surfaces map it totally: a missing row does not compile. */
export type Reason = keyof typeof REASONS;

/** Details beside the reason. All of it may be shown to callers and written to logs. */
export interface ErrorMetadata {
  /** Path of the request field at fault, for example `contents[0].parts`. */
  readonly field?: string;
  /** What Google named: block reason, finish reason, error reason or canonical status. */
  readonly upstreamReason?: string;
  /** HTTP status that the upstream answered. */
  readonly upstreamStatus?: number;
  /** Thought signatures of the request were what the upstream refused: without them it may pass. */
  readonly signatures?: 'refused';
  readonly [key: string]: string | number | boolean | undefined;
}

/** Everything that goes with a reason and a message. */
export interface GatewayErrorOptions {
  /** For logs within the process only; never rendered. */
  readonly cause?: unknown;
  /** How long the caller should wait before another try. */
  readonly retryAfterMs?: number;
  readonly metadata?: ErrorMetadata;
  /** What the caller alone may see, as it quotes an answer: never logged. Bounded by whoever makes the error. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Tokens that the failed upstream call used all the same. */
  readonly usage?: Usage;
}

/**
 * The one error of the gateway. The message is written for the caller and carries no key, prompt or upstream
 * secret; `cause` never leaves the process.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly retryAfterMs: number | undefined;
  readonly metadata: ErrorMetadata;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly usage: Usage | undefined;

  constructor(
    readonly reason: Reason,
    message: string,
    options: GatewayErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
    this.metadata = options.metadata ?? {};
    this.details = options.details;
    this.usage = options.usage;
  }

  get code(): CanonicalCode {
    return REASONS[this.reason].code;
  }

  get retryable(): boolean {
    return REASONS[this.reason].retryable;
  }

  get countsAgainstTarget(): boolean {
    return REASONS[this.reason].countsAgainstTarget;
  }

  /** The same error with the tokens that were used before it. */
  withUsage(usage: Usage): GatewayError {
    return this.#with({ usage });
  }

  /** The same error with more details. */
  withMetadata(metadata: ErrorMetadata): GatewayError {
    return this.#with({ metadata: { ...this.metadata, ...metadata } });
  }

  #with(more: Pick<GatewayErrorOptions, 'usage' | 'metadata'>): GatewayError {
    const { cause, retryAfterMs, metadata, details, usage } = this;
    return new GatewayError(this.reason, this.message, {
      cause,
      metadata,
      ...(details === undefined ? {} : { details }),
      ...(usage === undefined ? {} : { usage }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...more,
    });
  }

  /** The error itself, or `INTERNAL` around whatever else was thrown. */
  static from(thrown: unknown): GatewayError {
    return thrown instanceof GatewayError
      ? thrown
      : new GatewayError('INTERNAL', 'The gateway failed to handle this request.', { cause: thrown });
  }
}
