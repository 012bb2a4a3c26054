import type { Reason } from './gateway-error.js';
import type { Outcome } from './outcome.js';
import { addUsage, NO_USAGE, type Usage } from './usage.js';

/** One upstream call, as it went. */
export interface AttemptRecord {
  /** `project/model`. */
  readonly target: string;
  /** Reason of the failure; absent when the attempt delivered a first event. */
  readonly error?: Reason;
  /** Tokens that a failed attempt used all the same. */
  readonly usage?: Usage;
}

/**
 * What happened to one call, written as it happens: by the dispatcher (attempts), by telemetry (times and
 * outcome). Read once at the end for the request's log line.
 */
export class CallRecord {
  readonly attempts: AttemptRecord[] = [];
  /** Monotonic time of the first event, where there was one. */
  firstEventMs: number | undefined;
  #outcome: Outcome | undefined;
  #onOutcome: (() => void) | undefined;
  /** Target that answered, `project/model`. */
  target: string | undefined;
  model: string | undefined;

  constructor(
    /** Monotonic time at which the request came in. */
    readonly startedMs: number,
  ) {}

  /** How the call ended; undefined while it goes on. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Says how the call ended. Once. */
  settle(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#onOutcome?.();
  }

  /** Calls back when the call has ended, at once where it has. One listener. */
  whenSettled(listener: () => void): void {
    if (this.#outcome === undefined) this.#onOutcome = listener;
    else listener();
  }

  /** Tokens of all upstream calls made for this call, failed ones included. */
  usage(): Usage {
    const answered = this.target === undefined ? NO_USAGE : (this.#outcome?.usage ?? NO_USAGE);
    return this.attempts.reduce(
      (sum, { usage }) => (usage === undefined ? sum : addUsage(sum, usage)),
      answered,
    );
  }
}
