import type { Call } from '../core/call.js';

/** Where calls become spans. */
export interface Traces {
  /** A call is over, at this monotonic time, and its record is settled. Once for each. Must not throw. */
  ended(call: Call, endedMs: number): void;
}

/** Injection token of the traces. */
export const Traces = Symbol('Traces');

/** Where nobody collects spans. */
export const NO_TRACES: Traces = { ended: () => undefined };
