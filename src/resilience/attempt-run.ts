import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Random } from '../core/random.js';
import type { AttemptRules, Candidate, Hold, Room } from './candidate.js';
import type { Ticket } from './circuit-breaker.js';
import { pause } from './pause.js';
import { type Hedge, type Made, Racer } from './race.js';
import type { ResilienceConfig } from './resilience.config.js';
import type { RetryBudget } from './retry-budget.js';
import type { Refusal, TargetHealth } from './target-health.js';
import { TREATMENTS, troubleOf, type Treatment } from './trouble.js';

/** A candidate as it stands within a run. */
interface Standing {
  readonly candidate: Candidate;
  tries: number;
  /** When it may be tried: `AT_ONCE`, a monotonic time, or Infinity for not again. */
  dueMs: number;
}

const AT_ONCE = -Infinity;
const TOO_MANY_RETRIES = 'too many retries are under way';

/** What all runs share. */
export interface Surroundings {
  readonly health: TargetHealth;
  readonly budget: RetryBudget;
  readonly config: ResilienceConfig;
  readonly clock: Clock;
  readonly random: Random;
}

/** Leave for one attempt, to be given back when it is over. */
interface Permit {
  readonly ticket: Ticket;
  readonly hold: Hold | undefined;
  readonly over: () => void;
}

/** One call on its way through its candidates. */
export class AttemptRun {
  #attempts = 0;
  #last: GatewayError | undefined;
  /** The latest of each candidate. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(
    private readonly call: Call,
    private readonly rules: AttemptRules,
    private readonly around: Surroundings,
  ) {}

  /** The generation of the first candidate that answers, or undefined where the next group is to be tried. */
  async group(candidates: readonly Candidate[], last: boolean): Promise<Generation | undefined> {
    const standings = candidates.map((candidate): Standing => ({ candidate, tries: 0, dueMs: 0 }));
    for (;;) {
      for (const standing of standings) {
        if (standing.dueMs > this.around.clock.monotonicMs()) continue;
        do {
          const generation = await this.#try(standing, standings);
          if (generation !== undefined) return generation;
        } while (standing.dueMs === AT_ONCE);
      }
      const dueMs = Math.min(...standings.map((standing) => standing.dueMs));
      const next = standings.find((standing) => standing.dueMs === dueMs);
      const waitMs = dueMs - this.around.clock.monotonicMs();
      if (next === undefined || !this.#worthWaiting(waitMs, last) || !this.#affords(next)) return undefined;
      await pause(waitMs, this.call.signal, this.around.clock);
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
    const retryAfterMs = Math.max(0, soonestMs - this.around.clock.monotonicMs());
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

  async #try(standing: Standing, group: readonly Standing[]): Promise<Generation | undefined> {
    this.#assertWanted();
    const { candidate } = standing;
    if (!candidate.upstream) return candidate.attempt((this.#attempts += 1), this.call.signal);
    const first = this.#attempts === 0;
    const permit = await this.#permit(standing, first);
    if (permit === undefined) return undefined;
    const { hedge } = this.rules;
    if (hedge === undefined || !first)
      return this.#judged(standing, await this.#make(standing, permit, this.call.signal));
    return this.#raced(standing, permit, group, hedge);
  }

  /** Leave to try a candidate now; without it, when it may be asked for again is noted. */
  async #permit(standing: Standing, first: boolean): Promise<Permit | undefined> {
    const { name, reserve } = standing.candidate;
    const { health, budget } = this.around;
    const leave = health.admit(name);
    if ('refusal' in leave) return this.#refused(standing, leave.refusal);
    const { ticket } = leave;
    const over = first ? budget.attempt(name) : budget.retry(name);
    if (over === undefined) {
      ticket.abandoned();
      standing.dueMs = Infinity;
      this.#skip(name, TOO_MANY_RETRIES);
      return undefined;
    }
    if (reserve === undefined) return { ticket, hold: undefined, over };
    let room: Room | undefined;
    try {
      room = await reserve();
      this.#assertWanted();
      if ('hold' in room) return { ticket, hold: room.hold, over };
    } catch (thrown) {
      if (room !== undefined && 'hold' in room) room.hold.release();
      ticket.abandoned();
      over();
      throw thrown;
    }
    ticket.abandoned();
    over();
    return this.#refused(standing, room.refusal);
  }

  #refused(standing: Standing, refusal: Refusal): undefined {
    const { name } = standing.candidate;
    this.#refusals.set(name, refusal);
    this.#skip(name, refusal.why);
    standing.dueMs = refusal.kind === 'health' ? Infinity : refusal.notBeforeMs;
  }

  /** Makes the call's first attempt, and a second beside it when it is slow. The faster answer counts. */
  async #raced(
    standing: Standing,
    permit: Permit,
    group: readonly Standing[],
    hedge: Hedge,
  ): Promise<Generation | undefined> {
    const racing = new Map<Promise<Made>, { readonly standing: Standing; readonly racer: Racer }>();
    const start = (entrant: Standing, leave: Permit): Promise<Made> => {
      const racer = new Racer(this.call.signal);
      const made = this.#make(entrant, leave, racer.signal);
      racing.set(made, { standing: entrant, racer });
      return made;
    };
    const made = start(standing, permit);
    const afterMs = hedge.afterMs(standing.candidate.name);
    if (afterMs !== undefined && (await this.#isSlow(made, afterMs)) && hedge.take()) {
      const second = group.find((one) => one !== standing && one.candidate.upstream) ?? standing;
      const leave = await this.#permit(second, false);
      if (leave !== undefined) void start(second, leave);
    }
    try {
      while (racing.size > 0) {
        const next = await Promise.race([...racing.keys()].map(async (one) => ({ one, done: await one })));
        const entrant = racing.get(next.one)?.standing ?? standing;
        racing.delete(next.one);
        const generation = this.#judged(entrant, next.done);
        if (generation !== undefined)
          return { ...generation, head: { ...generation.head, attempts: this.#attempts } };
      }
      return undefined;
    } finally {
      for (const [late, { racer }] of racing) racer.stop(late);
    }
  }

  async #isSlow(made: Promise<Made>, afterMs: number): Promise<boolean> {
    const over = new AbortController();
    const slow = await Promise.race([
      made.then(() => false),
      pause(afterMs, over.signal, this.around.clock).then(() => true),
    ]);
    over.abort();
    return slow && !this.call.signal.aborted;
  }

  /** Whether a candidate is worth a pause: not where the budget would not let it be tried. */
  #affords({ candidate: { name } }: Standing): boolean {
    if (this.#attempts === 0 || this.around.budget.allows(name)) return true;
    this.#skip(name, TOO_MANY_RETRIES);
    return false;
  }

  #skip(target: string, why: string): void {
    this.call.record.skipped.push({ target, why });
  }

  /** Makes an attempt and settles its permit. Never rejects. */
  async #make(standing: Standing, { ticket, hold, over }: Permit, signal: AbortSignal): Promise<Made> {
    const { candidate } = standing;
    const { health } = this.around;
    this.#attempts += 1;
    standing.tries += 1;
    try {
      const generation = await candidate.attempt(this.#attempts, signal);
      if (this.call.stream) return { generation: this.#watched(generation, candidate, ticket, hold) };
      health.succeeded(candidate.name, ticket);
      if (hold === undefined) return { generation };
      return { generation: settled(generation, ({ usage }) => hold.answered(usage)) };
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      health.failed(candidate.name, ticket, error);
      hold?.failed(error);
      return { error };
    } finally {
      over();
    }
  }

  /** The answer, or undefined where others may be tried. Throws what nobody else can mend. */
  #judged(standing: Standing, made: Made): Generation | undefined {
    if ('generation' in made) return made.generation;
    const { error } = made;
    const trouble = troubleOf(error);
    // What a target cannot do says less than how another failed.
    if (trouble !== 'unfit' || this.#last === undefined) this.#last = error;
    const treatment: Treatment = TREATMENTS[trouble];
    standing.dueMs = this.#dueMs(standing, treatment, error);
    const hopeless = !treatment.elsewhere && standing.dueMs === Infinity;
    const unwanted = treatment.byLeave === true && !this.rules.unusableAnswers;
    if (hopeless || unwanted || this.call.signal.aborted) throw error;
    return undefined;
  }

  /** A stream is judged by its beginning and by its end. */
  #watched(generation: Generation, { name }: Candidate, ticket: Ticket, hold: Hold | undefined): Generation {
    this.around.health.began(name, ticket);
    return settled(generation, (outcome) => {
      if (outcome.kind === 'failed') this.around.health.failed(name, ticket, outcome.error);
      else ticket.succeeded();
      hold?.answered(outcome.usage);
    });
  }

  #dueMs({ tries }: Standing, treatment: Treatment, error: GatewayError): number {
    if (tries >= treatment.tries) return Infinity;
    if (treatment.needs !== undefined && error.metadata[treatment.needs] !== true) return Infinity;
    if (treatment.needs === 'otherCredentials' && !this.rules.otherKeys) return Infinity;
    const nowMs = this.around.clock.monotonicMs();
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
    const { backoffMs, maxBackoffMs } = this.around.config;
    return this.around.random() * Math.min(maxBackoffMs, backoffMs * 2 ** (tries - 1));
  }

  /** A short pause keeps the preferred model; a long one only where there is no other. Never past the deadline. */
  #worthWaiting(waitMs: number, last: boolean): boolean {
    if (!Number.isFinite(waitMs)) return false;
    if (this.around.clock.monotonicMs() + waitMs >= this.call.deadlineMs) return false;
    return waitMs <= (last ? this.around.config.maxWaitMs : this.around.config.maxBackoffMs);
  }

  #assertWanted(): void {
    const { signal, deadlineMs } = this.call;
    if (signal.aborted) {
      throw signal.reason instanceof GatewayError
        ? signal.reason
        : new GatewayError('CANCELLED', 'The caller went away.');
    }
    if (this.around.clock.monotonicMs() >= deadlineMs) {
      const failed = this.#last === undefined ? {} : { upstreamReason: this.#last.reason };
      throw new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.', {
        metadata: failed,
      });
    }
  }
}
