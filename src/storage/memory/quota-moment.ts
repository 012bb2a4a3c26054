import type { Clock } from '../../core/clock.js';
import { pacificDay, pacificDayOf } from '../../core/pacific-day.js';
import {
  COUNTED_BUCKETS,
  type CountedBucket,
  WINDOW_MS,
  WINDOW_STEPS,
} from '../../quota/quota-ledger.port.js';

/**
 * What time it is for buckets. Sliding windows follow monotonic time, so that a clock that is set right neither empties
 * nor holds them; days follow the calendar.
 */
export class QuotaMoment {
  readonly monotonicMs: number;
  readonly #wallMs: number;

  constructor(clock: Clock) {
    this.monotonicMs = clock.monotonicMs();
    this.#wallMs = clock.wallMs();
  }

  /** Number of the step that it was in a bucket so long ago. */
  stepOf(bucket: CountedBucket, agoMs = 0): number {
    const { over } = COUNTED_BUCKETS[bucket];
    if (over === 'pacificDay') return pacificDay(this.#wallMs - agoMs).number;
    return Math.floor((this.monotonicMs - agoMs) / (WINDOW_MS[over] / WINDOW_STEPS));
  }

  /** Milliseconds until a step of a bucket begins. */
  msUntil(bucket: CountedBucket, step: number): number {
    if (step === Infinity) return Infinity;
    const { over } = COUNTED_BUCKETS[bucket];
    if (over === 'pacificDay') return pacificDayOf(step).startMs - this.#wallMs;
    return step * (WINDOW_MS[over] / WINDOW_STEPS) - this.monotonicMs;
  }
}

/** How many steps of a bucket count together: a sliding window's, and the one that has just begun; one day. */
export function stepsOf(bucket: CountedBucket): number {
  return COUNTED_BUCKETS[bucket].over === 'pacificDay' ? 1 : WINDOW_STEPS + 1;
}
