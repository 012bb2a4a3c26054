import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import { Random } from '../core/random.js';
import type { Ticket } from './circuit-breaker.js';
import { pause } from './pause.js';
import { ResilienceConfig } from './resilience.config.js';
import { RetryBudget } from './retry-budget.js';
import { TargetHealth, type Refusal } from './target-health.js';
import { TREATMENTS, troubleOf, type Treatment } from './trouble.js';

/** Something that can be tried. */
export interface Candidate {
  /** `project/model`. */
  readonly name: string;
  /** Candidates of one group are tried, also again, before the next group is. */
  readonly group: string;
  /** False for what answers by itself: it is never left alone and costs no retry. */
  readonly upstream: boolean;
  /** Makes the attempt; `attempt` counts from 1 over the whole call. Rejects with a GatewayError. */
  attempt(attempt: number): Promise<Generation>;
}

/**
 * Tries candidates until one produces a first event. Within a group: each in turn, then those again whose failure
 * allows it, after a pause; then the next group. All under one deadline and one budget of retries; a pause that the
 * deadline does not allow is not begun.
 */
@Injectable()
export class AttemptRing {
  readonly #budget: RetryBudget;

  constructor(
    private readonly health: TargetHealth,
    @Inject(sectionToken(ResilienceConfig)) private readonly config: ResilienceConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Random) private readonly random: Random,
  ) {
    this.#budget = new RetryBudget(config.retryBudget);
  }

  /** Rejects with the GatewayError of the last attempt, or with why none could be made. */
  async run(call: Call, candidates: readonly Candidate[]): Promise<Generation> {
    const over = this.#budget.call();
    try {
      const run = new Run(call, this.health, this.#budget, this.config, this.clock, this.random);
      const groups = Map.groupBy(candidates, ({ group }) => group);
      let left = groups.size;
      for (const group of groups.values()) {
        left -= 1;
        const generation = await run.group(group, left === 0);
        if (generation !== undefined) return generation;
      }
      throw run.failure();
    } finally {
      over();
    }
  }
}

/** A candidate as it stands within a run. */
interface Standing {
  readonly candidate: Candidate;
  tries: number;
  /** When it may be tried: `AT_ONCE`, a monotonic time, or Infinity for not again. */
  dueMs: number;
}

const AT_ONCE = -Infinity;
const TOO_MANY_RETRIES = 'too many retries are under way';

class Run {
  #attempts = 0;
  #last: GatewayError | undefined;
  /** The latest of each candidate. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(
    private readonly call: Call,
    private readonly health: TargetHealth,
    private readonly budget: RetryBudget,
    private readonly config: ResilienceConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** The generation of the first candidate that answers, or undefined where the next group is to be tried. */
  async group(candidates: readonly Candidate[], last: boolean): Promise<Generation | undefined> {
    const standings = candidates.map((candidate): Standing => ({ candidate, tries: 0, dueMs: 0 }));
    for (;;) {
      for (const standing of standings) {
        if (standing.dueMs > this.clock.monotonicMs()) continue;
        do {
          const generation = await this.#try(standing);
          if (generation !== undefined) return generation;
        } while (standing.dueMs === AT_ONCE);
      }
      const dueMs = Math.min(...standings.map((standing) => standing.dueMs));
      const next = standings.find((standing) => standing.dueMs === dueMs);
      const waitMs = dueMs - this.clock.monotonicMs();
      if (next === undefined || !this.#worthWaiting(waitMs, last) || !this.#affords(next)) return undefined;
      await pause(waitMs, this.call.signal, this.clock);
      this.#assertWanted();
    }
  }

  /** What to tell the caller when nothing answered. */
  failure(): GatewayError {
    const refusals = [...this.#refusals.values()];
    // What a target cannot do says less than when another can be asked again.
    const last = this.#last;
    if (last !== undefined && (troubleOf(last) !== 'unfit' || refusals.length === 0)) return last;
    const soonestMs = Math.min(...refusals.map(({ notBeforeMs }) => notBeforeMs));
    const retryAfterMs = Math.max(0, soonestMs - this.clock.monotonicMs());
    const soonest = refusals.length === 0 ? {} : { retryAfterMs };
    const why = [...new Set(refusals.map((refusal) => refusal.why))].join(' ');
    if (refusals.length === 0 || refusals.some(({ kind }) => kind === 'health')) {
      return new GatewayError(
        'NO_TARGET',
        'Every target that could answer is left alone after failures.',
        soonest,
      );
    }
    const lasting = refusals.every(({ kind }) => kind === 'quota');
    return new GatewayError(lasting ? 'UPSTREAM_QUOTA_EXHAUSTED' : 'UPSTREAM_RATE_LIMITED', why, soonest);
  }

  async #try(standing: Standing): Promise<Generation | undefined> {
    this.#assertWanted();
    const { candidate } = standing;
    if (!candidate.upstream) return candidate.attempt((this.#attempts += 1));
    const leave = this.health.admit(candidate.name);
    if ('refusal' in leave) {
      this.#refusals.set(candidate.name, leave.refusal);
      this.#skip(candidate.name, leave.refusal.why);
      standing.dueMs = leave.refusal.kind === 'health' ? Infinity : leave.refusal.notBeforeMs;
      return undefined;
    }
    const { name } = candidate;
    const over = this.#attempts === 0 ? this.budget.attempt(name) : this.budget.retry(name);
    if (over === undefined) {
      leave.ticket.abandoned();
      standing.dueMs = Infinity;
      this.#skip(name, TOO_MANY_RETRIES);
      return undefined;
    }
    try {
      return await this.#attempt(standing, leave.ticket);
    } finally {
      over();
    }
  }

  /** Whether a candidate is worth a pause: not where the budget would not let it be tried. */
  #affords({ candidate: { name } }: Standing): boolean {
    if (this.#attempts === 0 || this.budget.allows(name)) return true;
    this.#skip(name, TOO_MANY_RETRIES);
    return false;
  }

  #skip(target: string, why: string): void {
    this.call.record.skipped.push({ target, why });
  }

  async #attempt(standing: Standing, ticket: Ticket): Promise<Generation | undefined> {
    const { candidate } = standing;
    this.#attempts += 1;
    standing.tries += 1;
    try {
      const generation = await candidate.attempt(this.#attempts);
      if (this.call.stream) return this.#watched(generation, candidate, ticket);
      this.health.succeeded(candidate.name, ticket);
      return generation;
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      this.health.failed(candidate.name, ticket, error);
      const trouble = troubleOf(error);
      // What a target cannot do says less than how another failed.
      if (trouble !== 'unfit' || this.#last === undefined) this.#last = error;
      const treatment: Treatment = TREATMENTS[trouble];
      if (!treatment.elsewhere || this.call.signal.aborted) throw error;
      standing.dueMs = this.#dueMs(standing, treatment, error);
      return undefined;
    }
  }

  /** A stream is judged by its beginning and by its end. */
  #watched(generation: Generation, { name }: Candidate, ticket: Ticket): Generation {
    this.health.began(name, ticket);
    return settled(generation, (outcome) => {
      if (outcome.kind === 'failed') this.health.failed(name, ticket, outcome.error);
      else ticket.succeeded();
    });
  }

  #dueMs({ tries }: Standing, treatment: Treatment, error: GatewayError): number {
    if (tries >= treatment.tries) return Infinity;
    if (treatment.needs !== undefined && error.metadata[treatment.needs] !== true) return Infinity;
    const nowMs = this.clock.monotonicMs();
    switch (treatment.again) {
      case 'at_once':
        return AT_ONCE;
      case 'backoff':
        return nowMs + Math.max(this.#backoffMs(tries), error.retryAfterMs ?? 0);
      case 'when_told':
        return error.retryAfterMs === undefined ? nowMs + this.#backoffMs(tries) : nowMs + error.retryAfterMs;
      case 'never':
        return Infinity;
    }
  }

  /** Full jitter: anything up to a bound that doubles with each try. */
  #backoffMs(tries: number): number {
    const { backoffMs, maxBackoffMs } = this.config;
    return this.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (tries - 1));
  }

  /** A short pause keeps the preferred model; a long one only where there is no other. Never past the deadline. */
  #worthWaiting(waitMs: number, last: boolean): boolean {
    if (!Number.isFinite(waitMs)) return false;
    if (this.clock.monotonicMs() + waitMs >= this.call.deadlineMs) return false;
    return waitMs <= (last ? this.config.maxWaitMs : this.config.maxBackoffMs);
  }

  #assertWanted(): void {
    const { signal, deadlineMs } = this.call;
    if (signal.aborted) {
      throw signal.reason instanceof GatewayError
        ? signal.reason
        : new GatewayError('CANCELLED', 'The caller went away.');
    }
    if (this.clock.monotonicMs() >= deadlineMs) {
      const failed = this.#last === undefined ? {} : { upstreamReason: this.#last.reason };
      throw new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.', {
        metadata: failed,
      });
    }
  }
}
