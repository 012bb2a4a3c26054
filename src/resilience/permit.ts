import type { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import type { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Candidate, Hold, Room } from './candidate.js';
import type { Ticket } from './circuit-breaker.js';
import type { ConcurrencyLimits, ConcurrencySlot } from './concurrency-limits.js';
import type { RetryBudget } from './retry-budget.js';
import type { Refusal, TargetHealth } from './target-health.js';
import { troubleOf, type Trouble } from './trouble.js';

/** What bounds attempts; all calls share it. */
export interface Bounds {
  readonly health: TargetHealth;
  readonly budget: RetryBudget;
  readonly concurrency: ConcurrencyLimits;
  readonly clock: Clock;
}

/** An attempt that is to be made. */
export interface AttemptAsked {
  readonly candidate: Candidate;
  readonly stream: boolean;
  /** Whether it is the call's first. */
  readonly first: boolean;
  /** Whether the call waited so long that its class does not count any more. */
  readonly aged: boolean;
  /** Throws where nobody wants the attempt any more. */
  readonly assertWanted: () => void;
}

/** Why an attempt may not be made now: refused, or one retry too many. */
export type Denial = { readonly refusal: Refusal } | { readonly refusal?: undefined };

const OVERLOADS: ReadonlySet<Trouble> = new Set(['overloaded', 'shared_capacity']);
const BUSY = 'as many calls are under way as it copes with';
/** How soon to look again whether one of many calls is over, of which nobody tells. */
const BUSY_LOOK_MS = 50;

/**
 * Leave for one attempt: its place at the breaker, in the budget of retries, among the calls under way and in the
 * quotas. Exactly one of its methods is called, once.
 */
export class Permit {
  readonly #startedMs: number;

  private constructor(
    private readonly asked: AttemptAsked,
    private readonly bounds: Bounds,
    private readonly ticket: Ticket,
    private readonly slot: ConcurrencySlot,
    private readonly hold: Hold | undefined,
    private readonly over: () => void,
  ) {
    this.#startedMs = bounds.clock.monotonicMs();
  }

  /** Takes leave, all of it or nothing. Rejects with what `assertWanted` throws. */
  static async take(asked: AttemptAsked, bounds: Bounds): Promise<Permit | Denial> {
    const { name, quota } = asked.candidate;
    const { health, budget, concurrency, clock } = bounds;
    const leave = health.admit(name);
    if ('refusal' in leave) return leave;
    const { ticket } = leave;
    const over = asked.first ? budget.attempt(name) : budget.retry(name);
    if (over === undefined) {
      ticket.abandoned();
      return {};
    }
    const slot = concurrency.enter(name);
    if (slot === undefined) {
      ticket.abandoned();
      over();
      return { refusal: { why: BUSY, notBeforeMs: clock.monotonicMs() + BUSY_LOOK_MS, kind: 'busy' } };
    }
    if (quota === undefined) return new Permit(asked, bounds, ticket, slot, undefined, over);
    const giveBack = (): void => {
      ticket.abandoned();
      slot.unused();
      over();
    };
    let room: Room | undefined;
    try {
      room = await quota.reserve(asked.aged);
      asked.assertWanted();
    } catch (thrown) {
      if (room !== undefined && 'hold' in room) room.hold.release();
      giveBack();
      throw thrown;
    }
    if ('hold' in room) return new Permit(asked, bounds, ticket, slot, room.hold, over);
    giveBack();
    return { refusal: room.refusal };
  }

  /** The attempt was answered. What is returned gives the rest back when it ends. */
  answered(generation: Generation): Generation {
    const { candidate, stream } = this.asked;
    const { health, clock } = this.bounds;
    const { ticket, slot, hold } = this;
    // A stream is judged by its beginning and by its end.
    if (stream) health.began(candidate.name, ticket);
    else health.succeeded(candidate.name, ticket);
    this.over();
    return settled(generation, (outcome) => {
      const { usage } = outcome;
      if (stream && outcome.kind === 'failed') health.failed(candidate.name, ticket, outcome.error);
      else if (stream) ticket.succeeded();
      if (outcome.kind === 'completed')
        slot.answered(clock.monotonicMs() - this.#startedMs, usage.outputTokens + usage.thoughtsTokens);
      slot.leave();
      hold?.answered(usage);
    });
  }

  /** The attempt failed. */
  failed(error: GatewayError): void {
    this.bounds.health.failed(this.asked.candidate.name, this.ticket, error);
    if (OVERLOADS.has(troubleOf(error))) this.slot.overloaded();
    this.slot.leave();
    this.hold?.failed(error);
    this.over();
  }
}
