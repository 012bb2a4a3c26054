import type { Reason } from './gateway-error.js';
import type { CacheState, StructuredReport } from './generation.js';
import type { Outcome } from './outcome.js';
import { addUsage, NO_USAGE, subtractUsage, type Usage } from './usage.js';

/** One upstream call, as it went. */
export interface AttemptRecord {
  /** `project/model`. */
  readonly target: string;
  /** From the beginning of the request to that of the attempt; pauses between attempts show here. */
  readonly afterMs: number;
  /** From the beginning of the attempt to its first event or its failure. */
  readonly tookMs: number;
  /** True where the target got the request with other thought signatures than the caller's. */
  readonly signaturesReplaced?: true;
  /** Reason of the failure; absent when the attempt delivered an answer that was not refused afterwards. */
  readonly error?: Reason;
  /** Tokens that a failed attempt used all the same. */
  readonly usage?: Usage;
  /** What kind of trouble the failure was; decides what is done about it. */
  readonly trouble?: string;
  /** True where an operator must hear of it: nothing gets better by waiting. */
  readonly alert?: true;
  /** What the upstream named as its reason. */
  readonly upstreamReason?: string;
  /** How long the upstream asked to wait. */
  readonly retryAfterMs?: number;
}

/** Room that was asked for in the quotas of a target. */
export interface QuotaCheck {
  /** `project/model`. */
  readonly target: string;
  /** Every limit that was checked, by its bucket. */
  readonly limits: Readonly<Record<string, number>>;
  /** What the attempt was thought to use. */
  readonly estimate: Readonly<Record<string, number>>;
  /** The bucket without room; absent where there was room. */
  readonly refusedBy?: string;
}

/** Checks kept of one call; who waits long asks often. */
const MAX_CHECKS = 50;

/** A target of the plan. */
export interface PlannedTarget {
  /** `project/model`. */
  readonly target: string;
  /** Where the order was by score; compares within the plan only. */
  readonly score?: number;
}

/** A target that was not tried, and why. */
export interface SkippedTarget {
  /** `project/model`, or a model that no project may serve. */
  readonly target: string;
  readonly why: string;
}

/** What the cache did for a call. */
export interface CacheRecord {
  readonly state: CacheState;
  /** Where a stored answer was found. */
  readonly tier?: 'memory' | 'redis';
  /** Whether the answer is kept for others; known once it has ended. */
  readonly stored?: boolean;
}

/**
 * What happened to one call, written as it happens: by the dispatcher (plan and attempts), by the cache, by
 * telemetry (times and outcome). Read for the request's log line and its explanation.
 */
export class CallRecord {
  /** Targets that might answer, best first. */
  plan: readonly PlannedTarget[] = [];
  readonly skipped: SkippedTarget[] = [];
  /** Model that the call's share of a divided traffic tries first; undefined where it has none. */
  share: string | undefined;
  readonly attempts: AttemptRecord[] = [];
  readonly quotaChecks: QuotaCheck[] = [];
  /** Time spent in line for room in quotas. */
  waitedMs = 0;
  /** Monotonic time of the first event, where there was one. */
  firstEventMs: number | undefined;
  #outcome: Outcome | undefined;
  #onOutcome: (() => void) | undefined;
  /** Target that answered, `project/model`. */
  target: string | undefined;
  model: string | undefined;
  /** What the cache did; undefined for calls that have nothing to do with it. */
  cache: CacheRecord | undefined;
  /** Where the answer was to follow a schema: how that went. */
  structured: StructuredReport | undefined;
  /** Tokens of the answer that are not this call's to pay. */
  #paidElsewhere: Usage | 'all' = NO_USAGE;

  constructor(
    /** Monotonic time at which the request came in. */
    readonly startedMs: number,
  ) {}

  /** How the call ended; undefined while it goes on. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Notes what was asked of quotas: the first checks of a call, and always the last one. */
  checked(check: QuotaCheck): void {
    if (this.quotaChecks.length === MAX_CHECKS) this.quotaChecks.pop();
    this.quotaChecks.push(check);
  }

  /** Says that the answer of the latest attempt is not the one that the caller gets, with what it used. */
  refuseAnswer(error: Reason, trouble: string, usage: Usage): void {
    const latest = this.attempts.pop();
    if (latest !== undefined) this.attempts.push({ ...latest, error, trouble, usage });
  }

  /** Says how the call ended. Once. */
  settle(outcome: Outcome): void {
    this.#outcome = outcome;
    const listener = this.#onOutcome;
    // Records outlive their requests, which the listener holds with all that was said.
    this.#onOutcome = undefined;
    listener?.();
  }

  /** Calls back when the call has ended, at once where it has. One listener. */
  whenSettled(listener: () => void): void {
    if (this.#outcome === undefined) this.#onOutcome = listener;
    else listener();
  }

  /** Says that the answer is another call's to pay, or was paid before. */
  payNothing(): void {
    this.#paidElsewhere = 'all';
  }

  /** Says that the answer is this call's to pay after all, but for what another call paid of it. */
  payBeyond(paid: Usage): void {
    this.#paidElsewhere = paid;
  }

  /** Tokens of the answer that are this call's to pay; nothing while it goes on. */
  answerUsage(): Usage {
    const paid = this.#paidElsewhere;
    if (this.target === undefined || this.#outcome === undefined || paid === 'all') return NO_USAGE;
    return paid === NO_USAGE ? this.#outcome.usage : subtractUsage(this.#outcome.usage, paid);
  }

  /** Tokens of all upstream calls made for this call, failed ones included. */
  usage(): Usage {
    const answered = this.answerUsage();
    return this.attempts.reduce(
      (sum, { usage }) => (usage === undefined ? sum : addUsage(sum, usage)),
      answered,
    );
  }
}
