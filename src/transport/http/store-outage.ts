import type { Clock } from '../../core/clock.js';

/** Failures no further apart than this are one outage. */
const QUIET_MS = 10_000;

/** The outages of something that many calls ask, each told once however many calls it fails. */
export class StoreOutage {
  #lastMs: number | undefined;
  #failures = 0;

  constructor(private readonly clock: Clock) {}

  /** Counts a failure. True where an outage begins with it. */
  failed(): boolean {
    const begins = this.#lastMs === undefined;
    this.#lastMs = this.clock.monotonicMs();
    this.#failures += 1;
    return begins;
  }

  /** Hears of an answer. The number of failures of the outage that is over by it; undefined where none is. */
  answered(): number | undefined {
    if (this.#lastMs === undefined || this.clock.monotonicMs() - this.#lastMs < QUIET_MS) return undefined;
    const failures = this.#failures;
    this.#lastMs = undefined;
    this.#failures = 0;
    return failures;
  }
}
