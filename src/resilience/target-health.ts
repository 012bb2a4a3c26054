import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import { Clock } from '../core/clock.js';
import type { GatewayError, Reason } from '../core/gateway-error.js';
import { msUntilPacificMidnight } from '../core/pacific-day.js';
import { CircuitBreaker, type Ticket } from './circuit-breaker.js';
import { OutlierEjection } from './outlier-ejection.js';
import { ResilienceConfig } from './resilience.config.js';
import { TREATMENTS, troubleOf } from './trouble.js';

/** Why a target may not be tried now. */
export interface Refusal {
  /** In words for plans and error messages. */
  readonly why: string;
  readonly notBeforeMs: number;
  /**
   * `rate` where a minute's quota is used up, `busy` where as many calls are under way as it takes, `quota` where a
   * day's quota is used up or there is none, `health` where it fails.
   */
  readonly kind: 'rate' | 'busy' | 'quota' | 'health';
}

/** Leave for an attempt, or why there is none. */
export type Leave = { readonly ticket: Ticket } | { readonly refusal: Refusal };

interface Rest {
  readonly untilMs: number;
  readonly why: string;
  readonly kind: 'rate' | 'quota';
}

/** What is known of one target. */
interface Known {
  readonly breaker: CircuitBreaker;
  rest?: Rest;
}

const SCORES = { closed: 1, 'half-open': 0.5, open: 0.001 } as const;

/** An overload is the model's, a quota the ledger's business: neither shows that a project is unwell. */
const SPEAKS_OF_THE_PROJECT: ReadonlySet<Reason> = new Set([
  'UPSTREAM_AUTH',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_PROTOCOL',
]);

/** Targets known; the least recently used are forgotten beyond it. */
const MAX_TARGETS = 4_096;

/** Which targets may be tried: a breaker for each, and the rests that Google's quotas ask for. */
@Injectable()
export class TargetHealth {
  readonly #known = new Map<string, Known>();

  constructor(
    @Inject(sectionToken(ResilienceConfig)) private readonly config: ResilienceConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly ejection: OutlierEjection,
  ) {}

  /** Asks for an attempt on a target. */
  admit(target: string): Leave {
    const known = this.#of(target);
    const nowMs = this.clock.monotonicMs();
    const { rest } = known;
    if (rest !== undefined && nowMs < rest.untilMs) {
      return { refusal: { why: rest.why, notBeforeMs: rest.untilMs, kind: rest.kind } };
    }
    const admission = known.breaker.admit();
    if ('ticket' in admission) return admission;
    const why = 'it failed too often and is left alone for a while';
    return { refusal: { why, notBeforeMs: admission.notBeforeMs, kind: 'health' } };
  }

  /** Tells that a stream began. How it ends is told by its ticket, or by `failed`. */
  began(target: string, ticket: Ticket): void {
    ticket.began();
    this.ejection.observe(projectOf(target), false);
  }

  /** Tells of an attempt that was answered. */
  succeeded(target: string, ticket: Ticket): void {
    ticket.succeeded();
    this.ejection.observe(projectOf(target), false);
  }

  /** Tells of a failed attempt: its ticket is settled, and the target rests where the failure asks for it. */
  failed(target: string, ticket: Ticket, error: GatewayError): void {
    // What ended before the target was heard (by its caller, or for want of credentials) does not show it well.
    const heard = error.metadata.upstreamStatus !== undefined || error.reason === 'EMPTY_RESPONSE';
    if (error.reason === 'UPSTREAM_OVERLOADED') ticket.overloaded();
    else if (error.countsAgainstTarget) ticket.failed();
    else if (heard) ticket.succeeded();
    else ticket.abandoned();
    if (SPEAKS_OF_THE_PROJECT.has(error.reason)) this.ejection.observe(projectOf(target), true);
    const treatment = TREATMENTS[troubleOf(error)];
    if (!('rest' in treatment)) return;
    const restMs = treatment.rest === 'as_told' ? error.retryAfterMs : this.#untilReset(error);
    if (restMs === undefined) return;
    const known = this.#of(target);
    const untilMs = this.clock.monotonicMs() + restMs;
    // A minute's quota that runs out beside the day's must not end the day's rest.
    if (untilMs > (known.rest?.untilMs ?? -Infinity))
      known.rest = { untilMs, why: error.message, kind: treatment.rest === 'as_told' ? 'rate' : 'quota' };
  }

  /** How well a target is: 1 in good health, less while it is being probed, next to nothing while it is left alone. */
  score(target: string): number {
    const known = this.#known.get(target);
    if (known === undefined) return 1;
    if (known.rest !== undefined && this.clock.monotonicMs() < known.rest.untilMs) return SCORES.open;
    return SCORES[known.breaker.state];
  }

  /** Targets that were tried, as far as they are remembered. */
  targets(): readonly string[] {
    return [...this.#known.keys()];
  }

  /** Observed delays point to other resets than the documented one, so a delay that Google gives comes first. */
  #untilReset(error: GatewayError): number {
    if (error.retryAfterMs !== undefined) return error.retryAfterMs;
    return Math.min(this.config.maxRestMs, msUntilPacificMidnight(this.clock.wallMs()));
  }

  #of(target: string): Known {
    const present = this.#known.get(target);
    this.#known.delete(target);
    const known = present ?? {
      breaker: new CircuitBreaker(this.config.breaker, () => this.clock.monotonicMs()),
    };
    this.#known.set(target, known);
    if (this.#known.size > MAX_TARGETS) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return known;
  }
}

/** Targets are called `project/model`. */
function projectOf(target: string): string {
  return target.slice(0, target.indexOf('/'));
}
