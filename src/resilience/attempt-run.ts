import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Random } from '../core/random.js';
import type { QuotaScheduler, Wish } from '../quota/scheduler.js';
import type { AttemptRules, Candidate, Hold, Room } from './candidate.js';
import type { Ticket } from './circuit-breaker.js';
import type { ConcurrencyLimits, ConcurrencySlot } from './concurrency-limits.js';
import { pause } from './pause.js';
import type { Outcome } from '../core/outcome.js';
import { type Hedge, type Made, Racer } from './race.js';
import type { ResilienceConfig } from './resilience.config.js';
import type { RetryBudget } from './retry-budget.js';
import type { Refusal, TargetHealth } from './target-health.js';
import { TREATMENTS, troubleOf, type Treatment, type Trouble } from './trouble.js';

/** A candidate as it stands within a run. */
interface Standing {
  readonly candidate: Candidate;
  tries: number;
  /** When it may be tried: `AT_ONCE`, a monotonic time, or Infinity for not again. */
  dueMs: number;
  /** Whether it waits for nothing but room. */
  lacksRoom: boolean;
}

const AT_ONCE = -Infinity;
const TOO_MANY_RETRIES = 'too many retries are under way';
const OVERLOADS: ReadonlySet<Trouble> = new Set(['overloaded', 'shared_capacity']);
const BUSY = 'as many calls are under way as it copes with';
const OTHERS_WAIT = 'other calls wait for it';
/** How soon to look again whether one of many calls is over, of which nobody tells. */
const BUSY_LOOK_MS = 50;

/** What all runs share. */
export interface Surroundings {
  readonly health: TargetHealth;
  readonly budget: RetryBudget;
  readonly concurrency: ConcurrencyLimits;
  readonly scheduler: QuotaScheduler;
  readonly config: ResilienceConfig;
  readonly clock: Clock;
  readonly random: Random;
}

/** Leave for one attempt, to be given back when it is over. */
interface Permit {
  readonly ticket: Ticket;
  readonly slot: ConcurrencySlot;
  readonly hold: Hold | undefined;
  readonly over: () => void;
}

/** A candidate whose turn it is, with leave to try it. */
interface Turn {
  readonly standing: Standing;
  readonly permit: Permit;
}

/** One call on its way through its candidates. */
export class AttemptRun {
  #attempts = 0;
  #last: GatewayError | undefined;
  #queueFull = false;
  /** Of all groups so far. */
  readonly #standings: Standing[] = [];
  /** The latest of each candidate. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(
    private readonly call: Call,
    private readonly rules: AttemptRules,
    private readonly around: Surroundings,
  ) {}

  /** The generation of the first candidate that answers, or undefined where the next group is to be tried. */
  async group(candidates: readonly Candidate[], last: boolean): Promise<Generation | undefined> {
    const standings = candidates.map((candidate): Standing => ({
      candidate,
      tries: 0,
      dueMs: 0,
      lacksRoom: false,
    }));
    this.#standings.push(...standings);
    for (;;) {
      for (const standing of standings) {
        if (standing.dueMs > this.around.clock.monotonicMs()) continue;
        do {
          const generation = await this.#try(standing, standings);
          if (generation !== undefined) return generation;
        } while (standing.dueMs === AT_ONCE);
      }
      const next = await this.#wait(standings, last);
      if (next === undefined) return undefined;
      if (next === 'again') continue;
      const generation = await this.#enter(next, standings);
      if (generation !== undefined) return generation;
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
    if (this.#queueFull) {
      const full = `Too many calls of the class ${this.call.priority} wait for room already.`;
      return new GatewayError('QUEUE_FULL', `${full} ${why}`, soonest);
    }
    if (refusals.every(({ kind }) => kind === 'quota'))
      return new GatewayError('UPSTREAM_QUOTA_EXHAUSTED', why, soonest);
    const busy = refusals.every(({ kind }) => kind === 'busy');
    return new GatewayError(busy ? 'UPSTREAM_OVERLOADED' : 'UPSTREAM_RATE_LIMITED', why, soonest);
  }

  async #try(standing: Standing, group: readonly Standing[]): Promise<Generation | undefined> {
    this.#assertWanted();
    const { candidate } = standing;
    if (!candidate.upstream) return candidate.attempt((this.#attempts += 1), this.call.signal);
    const { clock, scheduler } = this.around;
    const aheadMs = scheduler.aheadMs(candidate.name, this.call.priority);
    if (aheadMs !== undefined) {
      const notBeforeMs = clock.monotonicMs() + aheadMs;
      return this.#refused(standing, { why: OTHERS_WAIT, notBeforeMs, kind: 'rate' });
    }
    const permit = await this.#permit(standing, this.#attempts === 0, false);
    return permit && this.#enter({ standing, permit }, group);
  }

  /** Tries a candidate that may be tried. */
  async #enter({ standing, permit }: Turn, group: readonly Standing[]): Promise<Generation | undefined> {
    const { hedge } = this.rules;
    if (hedge === undefined || this.#attempts > 0)
      return this.#judged(standing, await this.#make(standing, permit, this.call.signal));
    return this.#raced(standing, permit, group, hedge);
  }

  /** Waits for whatever may be tried next: what failed, or room. Undefined where nothing is worth a wait. */
  async #wait(group: readonly Standing[], last: boolean): Promise<Turn | 'again' | undefined> {
    const { clock, config } = this.around;
    const nowMs = clock.monotonicMs();
    const lacking = (last ? this.#standings : group).filter(
      ({ lacksRoom, dueMs }) => lacksRoom && Number.isFinite(dueMs),
    );
    const failed = group.filter((standing) => !lacking.includes(standing));
    const dueMs = Math.min(...failed.map((standing) => standing.dueMs));
    const next = failed.find((standing) => standing.dueMs === dueMs);
    const again = next !== undefined && this.#worthWaiting(dueMs - nowMs, last) && this.#affords(next);
    if (lacking.length > 0) {
      const latestMs = nowMs + (last ? config.maxWaitMs : config.maxBackoffMs);
      const turn = await this.#standInLine(
        lacking,
        Math.min(this.call.deadlineMs, latestMs, again ? dueMs : Infinity),
      );
      if (turn !== undefined) return turn;
      this.#assertWanted();
    }
    if (!again) return undefined;
    await pause(dueMs - clock.monotonicMs(), this.call.signal, clock);
    this.#assertWanted();
    return 'again';
  }

  /** Waits with others for room with any of the candidates. */
  async #standInLine(lacking: readonly Standing[], untilMs: number): Promise<Turn | undefined> {
    const { clock, scheduler } = this.around;
    const { principal, priority, signal, record } = this.call;
    const sinceMs = clock.monotonicMs();
    let turn: Turn | undefined;
    const wishes = lacking.map((standing): Wish => ({
      target: standing.candidate.name,
      dueMs: standing.dueMs,
      ask: async (aged) => {
        const permit = await this.#permit(standing, this.#attempts === 0, aged);
        if (permit === undefined) return { got: false, dueMs: standing.dueMs };
        turn = { standing, permit };
        return { got: true };
      },
    }));
    const cost = lacking[0]?.candidate.quota?.cost() ?? 0;
    const { tenant, team } = principal;
    const end = await scheduler.wait({ priority, tenant, team, cost, untilMs, signal }, wishes);
    record.waitedMs += clock.monotonicMs() - sinceMs;
    if (end.kind === 'late' || end.kind === 'full') {
      this.#queueFull ||= end.kind === 'full';
      for (const { candidate } of lacking) this.#notBefore(candidate.name, sinceMs + end.retryAfterMs);
    }
    return turn;
  }

  /** Leave to try a candidate now; without it, when it may be asked for again is noted. */
  async #permit(standing: Standing, first: boolean, aged: boolean): Promise<Permit | undefined> {
    const { name, quota } = standing.candidate;
    const { health, budget, concurrency, clock } = this.around;
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
    const slot = concurrency.enter(name);
    if (slot === undefined) {
      ticket.abandoned();
      over();
      const notBeforeMs = clock.monotonicMs() + BUSY_LOOK_MS;
      return this.#refused(standing, { why: BUSY, notBeforeMs, kind: 'busy' });
    }
    if (quota === undefined) return { ticket, slot, hold: undefined, over };
    const giveBack = (): void => {
      ticket.abandoned();
      slot.unused();
      over();
    };
    let room: Room | undefined;
    try {
      room = await quota.reserve(aged);
      this.#assertWanted();
      if ('hold' in room) return { ticket, slot, hold: room.hold, over };
    } catch (thrown) {
      if (room !== undefined && 'hold' in room) room.hold.release();
      giveBack();
      throw thrown;
    }
    giveBack();
    return this.#refused(standing, room.refusal);
  }

  #refused(standing: Standing, refusal: Refusal): undefined {
    const { name } = standing.candidate;
    this.#refusals.set(name, refusal);
    // Who waits is refused again and again, for the same reason.
    if (!standing.lacksRoom) this.#skip(name, refusal.why);
    standing.dueMs = refusal.kind === 'health' ? Infinity : refusal.notBeforeMs;
    standing.lacksRoom = refusal.kind === 'rate' || refusal.kind === 'busy';
  }

  #notBefore(name: string, notBeforeMs: number): void {
    const refusal = this.#refusals.get(name);
    if (refusal !== undefined)
      this.#refusals.set(name, { ...refusal, notBeforeMs: Math.max(refusal.notBeforeMs, notBeforeMs) });
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
      const leave = await this.#permit(second, false, false);
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
  async #make(standing: Standing, permit: Permit, signal: AbortSignal): Promise<Made> {
    const { candidate } = standing;
    const { ticket, slot, hold, over } = permit;
    const { health, clock } = this.around;
    this.#attempts += 1;
    standing.tries += 1;
    standing.lacksRoom = false;
    const startedMs = clock.monotonicMs();
    try {
      const generation = await candidate.attempt(this.#attempts, signal);
      if (this.call.stream) health.began(candidate.name, ticket);
      else health.succeeded(candidate.name, ticket);
      return {
        generation: settled(generation, (outcome) => {
          const { usage } = outcome;
          if (this.call.stream) this.#streamed(candidate, ticket, outcome);
          if (outcome.kind === 'completed')
            slot.answered(clock.monotonicMs() - startedMs, usage.outputTokens + usage.thoughtsTokens);
          slot.leave();
          hold?.answered(usage);
        }),
      };
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      health.failed(candidate.name, ticket, error);
      if (OVERLOADS.has(troubleOf(error))) slot.overloaded();
      slot.leave();
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
  #streamed({ name }: Candidate, ticket: Ticket, outcome: Outcome): void {
    if (outcome.kind === 'failed') this.around.health.failed(name, ticket, outcome.error);
    else ticket.succeeded();
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
