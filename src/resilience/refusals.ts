import type { Priority } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Refusal } from './target-health.js';

/** Why candidates of a call may not be tried: the latest reason of each. */
export class Refusals {
  readonly #latest = new Map<string, Refusal>();
  #queueFull = false;

  /** Whether no candidate was refused. */
  get none(): boolean {
    return this.#latest.size === 0;
  }

  note(candidate: string, refusal: Refusal): void {
    this.#latest.set(candidate, refusal);
  }

  /** Others wait before the call: it would not be its turn before that monotonic time. */
  postpone(candidate: string, notBeforeMs: number): void {
    const refusal = this.#latest.get(candidate);
    if (refusal !== undefined && refusal.notBeforeMs < notBeforeMs)
      this.#latest.set(candidate, { ...refusal, notBeforeMs });
  }

  /** Too many calls wait for the call to wait, too. */
  queueFull(): void {
    this.#queueFull = true;
  }

  /** What to tell a caller for whom nothing else was tried, or failed. */
  error(priority: Priority, nowMs: number): GatewayError {
    const refusals = [...this.#latest.values()];
    const soonestMs = Math.min(...refusals.map(({ notBeforeMs }) => notBeforeMs));
    const soonest = this.none ? {} : { retryAfterMs: Math.max(0, soonestMs - nowMs) };
    const why = [...new Set(refusals.map((refusal) => refusal.why))].join(' ');
    if (this.none || refusals.some(({ kind }) => kind === 'health')) {
      const alone = 'Every target that could answer is left alone after failures.';
      return new GatewayError('NO_TARGET', alone, soonest);
    }
    if (this.#queueFull) {
      const full = `Too many calls of the class ${priority} wait for room already.`;
      return new GatewayError('QUEUE_FULL', `${full} ${why}`, soonest);
    }
    if (refusals.every(({ kind }) => kind === 'quota'))
      return new GatewayError('UPSTREAM_QUOTA_EXHAUSTED', why, soonest);
    const busy = refusals.every(({ kind }) => kind === 'busy');
    return new GatewayError(busy ? 'UPSTREAM_OVERLOADED' : 'UPSTREAM_RATE_LIMITED', why, soonest);
  }
}
