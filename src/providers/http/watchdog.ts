import type { Clock, Timer } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { AttemptTimeouts } from '../../core/provider.js';
import { transportError } from './upstream-http.js';

/**
 * Bounds one upstream call in time and ties it to its caller, with one controller and one timer. The signal
 * aborts when the caller's does, when no first event came, when a stream fell silent, or when the total is up.
 */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #startedMs: number;
  #progressMs: number;
  #started = false;
  #timer: Timer;
  #expired: GatewayError | undefined;

  constructor(
    private readonly caller: AbortSignal,
    private readonly timeouts: AttemptTimeouts,
    private readonly clock: Clock,
  ) {
    this.#startedMs = clock.monotonicMs();
    this.#progressMs = this.#startedMs;
    caller.addEventListener('abort', this.#onCallerAbort);
    if (caller.aborted) this.#onCallerAbort();
    this.#timer = clock.after(this.#dueMs() - this.#startedMs, this.#onTimer);
  }

  /** For the upstream request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Says that an event came. */
  progress(): void {
    this.#started = true;
    this.#progressMs = this.clock.monotonicMs();
  }

  /** Aborts the upstream request and disarms everything. Safe to call more than once, also after the end. */
  cancel(): void {
    this.done();
    this.#controller.abort();
  }

  /** Disarms everything. Must be called when the call is over. */
  done(): void {
    this.#timer.clear();
    this.caller.removeEventListener('abort', this.#onCallerAbort);
  }

  /** Why the call failed: the caller left, a bound was passed, or the transport broke. */
  explain(thrown: unknown): GatewayError {
    if (this.caller.aborted) {
      return this.caller.reason instanceof GatewayError
        ? this.caller.reason
        : new GatewayError('CANCELLED', 'The caller went away.');
    }
    return this.#expired ?? transportError(thrown);
  }

  readonly #onCallerAbort = (): void => {
    this.#controller.abort(this.caller.reason);
  };

  // Progress only moves a mark; the timer looks at it when it fires. Re-arming per event would cost a timer each.
  readonly #onTimer = (): void => {
    const nowMs = this.clock.monotonicMs();
    const dueMs = this.#dueMs();
    if (nowMs < dueMs) {
      this.#timer = this.clock.after(dueMs - nowMs, this.#onTimer);
      return;
    }
    this.#expired = this.#verdict(nowMs);
    this.#controller.abort(this.#expired);
  };

  #dueMs(): number {
    const { firstEventMs, idleGapMs, totalMs } = this.timeouts;
    const phaseMs = this.#started ? this.#progressMs + idleGapMs : this.#startedMs + firstEventMs;
    return Math.min(phaseMs, this.#startedMs + totalMs);
  }

  #verdict(nowMs: number): GatewayError {
    const { firstEventMs, idleGapMs, totalMs } = this.timeouts;
    if (nowMs >= this.#startedMs + totalMs) {
      return new GatewayError(
        'DEADLINE_EXCEEDED',
        `The answer was not complete within ${Math.round(totalMs)} ms.`,
        {
          metadata: { timeout: 'total' },
        },
      );
    }
    return this.#started
      ? new GatewayError('UPSTREAM_UNAVAILABLE', `The upstream fell silent for ${idleGapMs} ms.`, {
          metadata: { timeout: 'idle_gap' },
        })
      : new GatewayError(
          'UPSTREAM_UNAVAILABLE',
          `The upstream did not begin to answer within ${firstEventMs} ms.`,
          {
            metadata: { timeout: 'first_event' },
          },
        );
  }
}
