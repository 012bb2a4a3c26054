import { CircuitState, ConsecutiveBreaker, CountBreaker, type IBreaker } from 'cockatiel';

/** When a target is left alone, and for how long. */
export interface CircuitBreakerOptions {
  /** Failures in a row that open the breaker. */
  readonly consecutiveFailures: number;
  /** Share of failures among the last `windowCalls` above which it opens, between 0 and 1. */
  readonly failureShare: number;
  readonly windowCalls: number;
  /** How long it stays open the first time; twice as long after each probe that fails. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** Leave for one attempt. Exactly one of `succeeded`, `failed` and `abandoned` is called when it is over. */
export interface Ticket {
  /** The target began to answer: a success. What is called after it judges how the answer ended. */
  began(): void;
  /** The target answered, or refused for reasons that are not its health. */
  succeeded(): void;
  /** The target failed by its own fault. */
  failed(): void;
  /** The target said that it has too much to do. */
  overloaded(): void;
  /** The attempt ended without saying anything about the target. */
  abandoned(): void;
}

/** Leave for an attempt, or when to ask again. */
export type Admission = { readonly ticket: Ticket } | { readonly notBeforeMs: number };

/**
 * How many times as many calls as are under way must be turned away in a row until an overloaded target counts as down.
 * One that takes every third call does that once in 10 million calls, even with only ten under way.
 */
const ROUNDS_OF_OVERLOAD = 4;

/**
 * Leaves a failing target alone, then lets single calls through until one succeeds; callers go elsewhere while such a
 * probe is under way. It judges by the number of calls, not by time, so that no old failures linger, and attempts
 * that began before it opened or closed have no say any more. A target that is merely overloaded still answers some
 * calls, and to leave it alone would lose those: overloads count only where nothing else has come for a while.
 */
export class CircuitBreaker {
  #beginnings: readonly IBreaker[];
  // Apart, so that old streams that end well do not speak for a target that no longer answers, nor good beginnings
  // for one whose streams all break off.
  #endings: readonly IBreaker[];
  /** Times it opened without a success in between. */
  #opened = 0;
  #openUntilMs: number | undefined;
  #probing = false;
  #era = 0;
  /** Attempts that have neither begun to be answered nor ended, of any era. */
  #unheard = 0;
  #overloadsInRow = 0;

  constructor(
    private readonly options: CircuitBreakerOptions,
    private readonly nowMs: () => number,
  ) {
    this.#beginnings = this.#newJudges();
    this.#endings = this.#newJudges();
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (this.#openUntilMs === undefined) return 'closed';
    return this.nowMs() < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** Asks for an attempt. */
  admit(): Admission {
    switch (this.state) {
      case 'closed':
        return { ticket: this.#ticket(false) };
      case 'open':
        return { notBeforeMs: this.#openUntilMs ?? this.nowMs() };
      case 'half-open':
        if (this.#probing) return { notBeforeMs: this.nowMs() + this.options.openMs };
        this.#probing = true;
        return { ticket: this.#ticket(true) };
    }
  }

  #ticket(asProbe: boolean): Ticket {
    let probe = asProbe;
    let era = this.#era;
    let judges = this.#beginnings;
    this.#unheard += 1;
    let unheard = 1;
    const ifCurrent = (act: () => void) => (): void => {
      this.#unheard -= unheard;
      unheard = 0;
      if (era === this.#era) act();
    };
    const begun = (): boolean => judges === this.#endings;
    const succeeded = (): void => {
      if (!begun()) this.#overloadsInRow = 0;
      if (probe) this.#close();
      else for (const judge of judges) judge.success(CircuitState.Closed);
    };
    const failed = (): void => {
      // Each judge must hear of it: no short cut.
      const verdicts = judges.map((judge) => judge.failure(CircuitState.Closed));
      if (probe || verdicts.includes(true)) this.#open();
    };
    return {
      began: ifCurrent(() => {
        succeeded();
        probe = false;
        era = this.#era;
        judges = this.#endings;
      }),
      succeeded: ifCurrent(succeeded),
      failed: ifCurrent(failed),
      overloaded: ifCurrent(() => {
        if (begun()) return failed();
        this.#overloadsInRow += 1;
        const rounds = ROUNDS_OF_OVERLOAD * this.#unheard;
        if (probe || this.#overloadsInRow >= Math.max(this.options.consecutiveFailures, rounds)) this.#open();
      }),
      abandoned: ifCurrent(() => {
        if (probe) this.#probing = false;
      }),
    };
  }

  #open(): void {
    const { openMs, maxOpenMs } = this.options;
    this.#openUntilMs = this.nowMs() + Math.min(maxOpenMs, openMs * 2 ** this.#opened);
    this.#opened += 1;
    this.#probing = false;
    this.#overloadsInRow = 0;
    this.#era += 1;
  }

  #close(): void {
    this.#openUntilMs = undefined;
    this.#opened = 0;
    this.#probing = false;
    this.#era += 1;
    this.#beginnings = this.#newJudges();
    this.#endings = this.#newJudges();
  }

  #newJudges(): readonly IBreaker[] {
    const { consecutiveFailures, failureShare, windowCalls } = this.options;
    return [
      new ConsecutiveBreaker(consecutiveFailures),
      new CountBreaker({ threshold: failureShare, size: windowCalls }),
    ];
  }
}
