/** A timer that has not fired yet. */
export interface Timer {
  /** Disarms the timer. Safe after it fired. */
  clear(): void;
}

/**
 * The only source of time. Monotonic time is for durations and deadlines, wall time for calendars and records.
 * Tests inject one that they move by hand.
 */
export interface Clock {
  /** Milliseconds from an arbitrary origin, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
  /** Calls `fire` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, fire: () => void): Timer;
}

/** Injection token of the clock. */
export const Clock = Symbol('Clock');

/** The machine's clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, fire) {
    const timeout = setTimeout(fire, Math.max(0, delayMs));
    timeout.unref();
    return { clear: () => clearTimeout(timeout) };
  },
};
