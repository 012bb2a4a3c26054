import type { Reason } from './gateway-error.js';
import type { Outcome } from './outcome.js';

/** One upstream call, as it went. */
export interface AttemptRecord {
  /** `project/model`. */
  readonly target: string;
  /** Reason of the failure; absent when the attempt delivered a first event. */
  readonly error?: Reason;
}

/** A target that the plan left out, and why. */
export interface SkippedTarget {
  readonly target: string;
  readonly why: string;
}

/**
 * What happened to one call, written as it happens: by the dispatcher (attempts), by telemetry (times and
 * outcome). Read once at the end for the request's log line.
 */
export class CallRecord {
  readonly attempts: AttemptRecord[] = [];
  readonly skipped: SkippedTarget[] = [];
  /** Monotonic time of the first event, where there was one. */
  firstEventMs: number | undefined;
  outcome: Outcome | undefined;
  /** Target that answered, `project/model`. */
  target: string | undefined;
  model: string | undefined;

  constructor(
    /** Monotonic time at which the request came in. */
    readonly startedMs: number,
  ) {}
}
