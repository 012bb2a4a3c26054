import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { pause } from '../resilience/pause.js';
import { FlightLock } from './flight-lock.port.js';

/** Leave to go upstream. `release` is called once the answer is stored, or there is none to store. Never throws. */
export interface Turn {
  release(): void;
}

/** What was found meanwhile, or leave to go upstream. */
export type Turned<Found> = { readonly found: Found } | { readonly turn: Turn };

/** What waiting for other replicas came to since the start. */
export interface TurnCounts {
  /** Waits that ended with the stored answer of another replica. */
  readonly spared: number;
  /** Waits that ended without. */
  readonly inVain: number;
}

/** Between two looks for the stored answer. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

const NO_LOCK: Turn = { release: () => undefined };

/**
 * Of the replicas that have the same question at the same time, one goes upstream and stores the answer; the others wait
 * for that, not for ever. Where nobody can tell who is first, all are.
 */
@Injectable()
export class ReplicaTurns {
  #spared = 0;
  #inVain = 0;

  constructor(
    @Inject(FlightLock) private readonly lock: FlightLock,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Waits no longer than `waitMs` for what `look` finds in the store that replicas share, and for the signal. Neither the
   * lock nor `look` rejects.
   */
  async take<Found>(
    key: string,
    { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
    look: () => Promise<Found | undefined>,
  ): Promise<Turned<Found>> {
    const endMs = this.clock.monotonicMs() + waitMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const lease = await this.lock.take(key);
      if (lease === 'unknown') return { turn: NO_LOCK };
      // Whoever had the lock before may have stored the answer since this call looked for it.
      const found = await look();
      if (found !== undefined) {
        if (lease !== 'held') void lease.release();
        this.#spared += 1;
        return { found };
      }
      if (lease !== 'held') return { turn: { release: () => void lease.release() } };
      const leftMs = endMs - this.clock.monotonicMs();
      if (leftMs <= 0 || signal.aborted) {
        this.#inVain += 1;
        return { turn: NO_LOCK };
      }
      await pause(Math.min(pauseMs, leftMs), signal, this.clock);
    }
  }

  /** For metrics. */
  counts(): TurnCounts {
    return { spared: this.#spared, inVain: this.#inVain };
  }
}
