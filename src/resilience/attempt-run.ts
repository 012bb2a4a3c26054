import type { Call } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Random } from '../core/random.js';
import type { UrgentDemand } from '../quota/urgent-demand.js';
import type { QuotaScheduler, Wish } from '../quota/scheduler.js';
import type { AttemptRules, Candidate } from './candidate.js';
import { pause } from './pause.js';
import { type Bounds, Permit } from './permit.js';
import { type Hedge, type Made, Racer } from './race.js';
import { Refusals } from './refusals.js';
import type { ResilienceConfig } from './resilience.config.js';
import type { Refusal } from './target-health.js';
import { TREATMENTS, troubleOf, type Treatment } from './trouble.js';

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
const OTHERS_WAIT = 'other calls wait for it';

/** What all runs share. */
export interface Surroundings extends Bounds {
  readonly scheduler: QuotaScheduler;
  readonly demand: UrgentDemand;
  readonly config: ResilienceConfig;
  readonly random: Random;
}

/** A candidate whose turn it is, with leave to try it. */
interface Turn {
  readonly standing: Standing;
  readonly permit: Permit;
}

/** What is left after a group of candidates: others that are asked, only answers made beforehand, or nothing. */
export type Rest = 'upstreams' | 'no_upstreams' | 'nothing';

/** One call on its way through its candidates. */
export class AttemptRun {
  #attempts = 0;
  #last: GatewayError | undefined;
  /** Of all groups so far. */
  readonly #standings: Standing[] = [];
  readonly #refusals = new Refusals();

  constructor(
    private readonly call: Call,
    private readonly rules: AttemptRules,
    private readonly candidates: readonly Candidate[],
    private readonly around: Surroundings,
  ) {}

  /** The generation of the first candidate that answers, or undefined where the next group is to be tried. */
  async group(candidates: readonly Candidate[], rest: Rest): Promise<Generation | undefined> {
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
      const next = await this.#wait(standings, rest);
      if (next === undefined) return undefined;
      if (next === 'again') continue;
      const generation = await this.#enter(next, standings);
      if (generation !== undefined) return generation;
    }
  }

  /** What to tell the caller when nothing answered. */
  failure(): GatewayError {
    // What a target cannot do says less than when another can be asked again.
    const last = this.#last;
    if (last !== undefined && (troubleOf(last) !== 'unfit' || this.#refusals.none)) return last;
    return this.#refusals.error(this.call.priority, this.around.clock.monotonicMs());
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
    if (permit !== undefined)
      scheduler.passed(candidate.name, this.call.priority, () => candidate.quota?.cost() ?? 0);
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
  async #wait(group: readonly Standing[], rest: Rest): Promise<Turn | 'again' | undefined> {
    const { clock, config } = this.around;
    const nowMs = clock.monotonicMs();
    // Where another target may have room it is asked first; a wait is then for whichever has some.
    const lacking = rest === 'upstreams' ? [] : this.#standings.filter(lacksRoom);
    const failed = group.filter((standing) => !lacksRoom(standing));
    const last = rest === 'nothing';
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
      cost: standing.candidate.quota?.cost() ?? 0,
      ask: async (aged) => {
        const permit = await this.#permit(standing, this.#attempts === 0, aged);
        if (permit === undefined) return { got: false, dueMs: standing.dueMs };
        turn = { standing, permit };
        return { got: true };
      },
    }));
    const { tenant, team } = principal;
    const end = await scheduler.wait({ priority, tenant, team, untilMs, signal }, wishes);
    record.waitedMs += clock.monotonicMs() - sinceMs;
    if (end.kind === 'late' || end.kind === 'full') {
      if (end.kind === 'full') this.#refusals.queueFull();
      for (const { candidate } of lacking)
        this.#refusals.postpone(candidate.name, sinceMs + end.retryAfterMs);
    }
    return turn;
  }

  /** Leave to try a candidate now; without it, when it may be asked for again is noted. */
  async #permit(standing: Standing, first: boolean, aged: boolean): Promise<Permit | undefined> {
    const { candidate } = standing;
    const { stream } = this.call;
    const assertWanted = (): void => this.#assertWanted();
    const permit = await Permit.take({ candidate, stream, first, aged, assertWanted }, this.around);
    if (permit instanceof Permit) {
      if (first && this.call.priority === 'interactive') this.#wanted(candidate);
      return permit;
    }
    if (permit.refusal !== undefined) return this.#refused(standing, permit.refusal);
    standing.dueMs = Infinity;
    this.#skip(candidate.name, TOO_MANY_RETRIES);
    return undefined;
  }

  /** Says what the call takes of any of the targets: it goes to one, and its like may go to another. */
  #wanted({ quota }: Candidate): void {
    if (quota === undefined) return;
    const limited = this.candidates.filter((candidate) => candidate.quota !== undefined);
    this.around.demand.wanted(
      limited.map(({ name }) => name),
      quota.cost(),
    );
  }

  #refused(standing: Standing, refusal: Refusal): undefined {
    const { name } = standing.candidate;
    this.#refusals.note(name, refusal);
    // Who waits is refused again and again, for the same reason.
    if (!standing.lacksRoom) this.#skip(name, refusal.why);
    standing.dueMs = refusal.kind === 'health' ? Infinity : refusal.notBeforeMs;
    standing.lacksRoom = refusal.kind === 'rate' || refusal.kind === 'busy';
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
    this.#attempts += 1;
    standing.tries += 1;
    standing.lacksRoom = false;
    try {
      return { generation: permit.answered(await candidate.attempt(this.#attempts, signal)) };
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      permit.failed(error);
      return { error };
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

function lacksRoom({ lacksRoom: lacks, dueMs }: Standing): boolean {
  return lacks && Number.isFinite(dueMs);
}
