import type { Call } from '../core/call.js';
import type { Clock, Timer } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError, type Reason } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Next } from '../core/policy.js';
import { type KeptEvents, shared, type SharedAnswer, type SharedReader } from '../core/shared.js';
import { NO_USAGE, type Usage } from '../core/usage.js';

/** A call's part in a flight. */
export interface Seat {
  readonly generation: Generation;
  /** Whether the flight was another call's. */
  readonly joined: boolean;
}

/** What a seat comes to: the answer, or that the flight failed for a reason that is not this call's. */
export type Seated = Seat | 'on_your_own';

interface Waiter {
  readonly call: Call;
  readonly joined: boolean;
  readonly seated: PromiseWithResolvers<Seated>;
  readonly onAbort: () => void;
  deadline?: Timer;
  reader?: SharedReader;
  /** Tokens as of the last event that it read. */
  usage: Usage;
}

/** Reasons that are about the call that leads a flight, its caller or its account; to others they say nothing. */
const LEADERS_OWN: ReadonlySet<Reason> = new Set([
  'PERMISSION_DENIED',
  'RATE_LIMITED',
  'BUDGET_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
]);

/** What timers can take. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * One upstream call for several identical calls. It lasts as long as somebody waits: each call leaves by its own signal
 * or deadline, alone, and the last one takes the flight's signal with it at once. Its deadline moves on with those of
 * the calls that join: attempts that begin later have the more time, one under way keeps what it had.
 *
 * Who leads pays, as far as records go. Where that call leaves before the end, the next one pays what comes after.
 * What is settled below, as budgets and quotas are, sees one call from its beginning to its end.
 */
export class Flight {
  readonly #abort = new AbortController();
  /** In the order in which they came; the first pays. */
  readonly #waiters = new Set<Waiter>();
  #answer: SharedAnswer | undefined;
  #isClosed = false;
  /** Whether the answer is over and paid for. */
  #isPaid = false;
  #latestMs = -Infinity;

  constructor(
    private readonly kept: KeptEvents,
    private readonly maxCalls: number,
    private readonly clock: Clock,
    /** Called once, when no call can join any more. */
    private readonly onClosed: () => void,
  ) {}

  /** Takes the first call aboard and starts. `start` gets a copy of it with the signal and deadline of the flight. */
  lead(call: Call, start: Next): Promise<Seated> {
    const seated = this.#board(call, false);
    const latestMs = (): number => this.#latestMs;
    const copy = { ...call, signal: this.#abort.signal };
    Object.defineProperty(copy, 'deadlineMs', { get: latestMs, enumerable: true });
    // Who has left already asks for nothing.
    if (this.#waiters.size > 0) void this.#start(copy, start);
    return seated;
  }

  /** Takes another call aboard; undefined where there is no place or it comes too late. */
  join(call: Call): Promise<Seated> | undefined {
    if (this.#isClosed || this.#waiters.size >= this.maxCalls) return undefined;
    // Until now the first call may have been alone.
    const first = this.#payer();
    if (first !== undefined) this.#bound(first);
    return this.#board(call, true);
  }

  #board(call: Call, joined: boolean): Promise<Seated> {
    const waiter: Waiter = {
      call,
      joined,
      seated: Promise.withResolvers(),
      onAbort: () => this.#leave(waiter, abortOf(call.signal)),
      usage: NO_USAGE,
    };
    this.#waiters.add(waiter);
    this.#latestMs = Math.max(this.#latestMs, call.deadlineMs);
    call.signal.addEventListener('abort', waiter.onAbort);
    if (joined) this.#bound(waiter);
    if (call.signal.aborted) waiter.onAbort();
    else if (this.#answer !== undefined) this.#seat(waiter, this.#answer);
    return waiter.seated.promise;
  }

  async #start(call: Call, start: Next): Promise<void> {
    try {
      this.#begun(await start(call));
    } catch (thrown) {
      this.#failed(GatewayError.from(thrown));
    }
  }

  /** A call alone is bounded by what it calls; among others, a shorter deadline is that call's own matter. */
  #bound(waiter: Waiter): void {
    const { call, deadline } = waiter;
    if (deadline !== undefined) return;
    const leftMs = Math.min(call.deadlineMs - this.clock.monotonicMs(), LONGEST_TIMER_MS);
    waiter.deadline = this.clock.after(leftMs, () => {
      if (this.#latestMs > call.deadlineMs)
        this.#leave(waiter, new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.'));
    });
  }

  #begun(generation: Generation): void {
    const answer = shared(generation, this.kept, () => this.#close());
    this.#answer = answer;
    // All may have left while it began.
    if (this.#waiters.size === 0) answer.join()?.stop(left());
    for (const waiter of this.#waiters) this.#seat(waiter, answer);
  }

  #seat(waiter: Waiter, answer: SharedAnswer): void {
    const reader = answer.join();
    if (reader === undefined) {
      this.#over(waiter);
      waiter.seated.resolve('on_your_own');
      return;
    }
    waiter.reader = reader;
    const pays = waiter === this.#payer();
    if (!pays) waiter.call.record.payNothing();
    const { events } = reader.generation;
    const head = pays ? answer.head : { ...answer.head, attempts: 0, cache: 'coalesced' as const };
    const generation = settled(
      { head, events },
      (outcome) => {
        if (outcome.kind !== 'completed') return this.#gone(waiter, outcome.usage);
        if (waiter === this.#payer()) this.#isPaid = true;
        this.#over(waiter);
      },
      ({ usage }) => void (waiter.usage = usage ?? waiter.usage),
    );
    waiter.seated.resolve({ generation, joined: waiter.joined });
  }

  #failed(error: GatewayError): void {
    this.#close();
    for (const waiter of this.#waiters) {
      const { joined, seated } = waiter;
      this.#over(waiter);
      if (joined && LEADERS_OWN.has(error.reason)) seated.resolve('on_your_own');
      else seated.reject(error);
    }
  }

  /** A call leaves by its signal or its deadline. */
  #leave(waiter: Waiter, error: GatewayError): void {
    waiter.reader?.stop(error);
    waiter.seated.reject(error);
    this.#gone(waiter, waiter.usage, error);
  }

  /** A call is over before the end, or the end was a failure, and paid for so much. */
  #gone(waiter: Waiter, paid: Usage, error = left()): void {
    const paying = waiter === this.#payer();
    this.#over(waiter);
    const heir = this.#payer();
    if (heir === undefined) {
      this.#close();
      this.#abort.abort(error);
    } else if (paying && !this.#isPaid && heir.reader !== undefined) heir.call.record.payBeyond(paid);
  }

  /** Takes a call off. */
  #over(waiter: Waiter): void {
    waiter.deadline?.clear();
    waiter.call.signal.removeEventListener('abort', waiter.onAbort);
    this.#waiters.delete(waiter);
  }

  #payer(): Waiter | undefined {
    const [first] = this.#waiters;
    return first;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onClosed();
  }
}

function abortOf(signal: AbortSignal): GatewayError {
  return signal.reason instanceof GatewayError ? signal.reason : left();
}

function left(): GatewayError {
  return new GatewayError('CANCELLED', 'The caller went away.');
}
