/** A lock that is held. It is kept alive until it is released; a process that dies loses it after a while. */
export interface FlightLease {
  /** Lets the next one have it. Never rejects; more than once is once. */
  release(): Promise<void>;
}

/** Which of several replicas goes upstream for a question. */
export interface FlightLock {
  /**
   * Takes the lock of a question. `held` where another has it, `unknown` where nobody can tell: what holds the locks is
   * slow or away. Never rejects.
   */
  take(key: string): Promise<FlightLease | 'held' | 'unknown'>;
}

/** Injection token of the lock. */
export const FlightLock = Symbol('FlightLock');

/** The lock of a process that shares nothing: whoever asks goes upstream. */
export const NO_FLIGHT_LOCK: FlightLock = { take: () => Promise.resolve('unknown') };
