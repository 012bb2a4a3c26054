import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import type { Next } from '../core/policy.js';
import { CoalescingConfig } from './coalescing.config.js';
import { Flight, type Seat } from './flight.js';

/** What coalescing came to since the start. */
export interface CoalescingCounts {
  /** Upstream calls that are shared, or could be, right now. */
  readonly flights: number;
  /** Calls that were answered by another's upstream call. */
  readonly joined: number;
  /** Calls that went upstream for themselves because too many were shared already. */
  readonly crowded: number;
}

/** Flights that a call tries to be on, where others fail for reasons of their own. */
const MAX_TRIES = 10;

/**
 * Sends identical calls that are in flight at the same time upstream once. Calls are identical where their key is, which
 * must hold the scope within which answers may be shared; streamed calls share with streamed ones and calls of one
 * priority with each other, so that nobody waits for what they did not ask for.
 */
@Injectable()
export class Coalescer {
  readonly #flights = new Map<string, Flight>();
  #joined = 0;
  #crowded = 0;

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly config: CoalescingConfig,
  ) {}

  /**
   * The answer to a call: its own, by `start`, or that of an identical call in flight, from its first event on. `start`
   * gets a copy of the call whose signal aborts once everybody has left, and whose deadline is the latest of all. Rejects
   * with what `start` rejects with, or with the call's own end where it leaves or its deadline passes.
   *
   * Who joins has `coalesced` in its head, no attempts, and pays nothing unless those before it left.
   */
  async join(key: string, call: Call, start: Next): Promise<Seat> {
    const name = `${call.stream ? 'stream' : 'unary'}/${call.priority}/${key}`;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const seated = this.#flights.get(name)?.join(call) ?? this.#lead(name, call, start);
      if (seated === undefined) break;
      const seat = await seated;
      if (seat === 'on_your_own') continue;
      if (seat.joined) this.#joined += 1;
      return seat;
    }
    this.#crowded += 1;
    return { generation: await start(call), joined: false };
  }

  /** For metrics. */
  counts(): CoalescingCounts {
    return { flights: this.#flights.size, joined: this.#joined, crowded: this.#crowded };
  }

  #lead(name: string, call: Call, start: Next) {
    const { maxFlights, maxCallsPerFlight, keptEvents, keptBytes } = this.config;
    if (this.#flights.size >= maxFlights && !this.#flights.has(name)) return undefined;
    const flight = new Flight(
      { maxEvents: keptEvents, maxBytes: keptBytes },
      maxCallsPerFlight,
      this.clock,
      () => {
        // A full flight may have been followed by another.
        if (this.#flights.get(name) === flight) this.#flights.delete(name);
      },
    );
    this.#flights.set(name, flight);
    return flight.lead(call, start);
  }
}
