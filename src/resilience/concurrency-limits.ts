import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import { Clock } from '../core/clock.js';
import { QuotaScheduler } from '../quota/scheduler.js';
import { type ConcurrencyConfig, ResilienceConfig } from './resilience.config.js';
import { AnswerTimes, UsualTime } from './usual-time.js';

/** A place among the calls under way on a target. */
export interface ConcurrencySlot {
  /** Tells that the target refused for having too much to do. */
  overloaded(): void;
  /** Tells how long the target took for an answer of so many tokens. */
  answered(tookMs: number, outputTokens: number): void;
  /** Gives the place back of a call that was not made. */
  unused(): void;
  /** Gives the place back of a call that is over. Exactly one of the two is called, once. */
  leave(): void;
}

/** How many calls a target may have under way, and has. */
export interface ConcurrencyCount {
  readonly target: string;
  readonly limit: number;
  readonly underWay: number;
}

/** Time after which a limit is looked at again, if enough calls began and ended in it. */
const ROUND_MS = 1_000;
const ROUND_CALLS = 10;
/** Share of overloads above which a target has too much to do; Google answers some calls so at any time. */
const OVERLOADED_SHARE = 0.1;
const LESS = 0.8;
/** How much slow answers have a say in what is usual: a lasting change shall become so in the end. */
const SLOW_WEIGHT = 0.05;
/** Nobody minds answers that take less than so much longer than usual; a busy gateway alone makes that much. */
const LEAST_SLOWER_MS = 500;
/** Targets known; those longest without a call are forgotten beyond it. */
const MAX_TARGETS = 4_096;

/** What happened since a limit was looked at last. */
interface Round {
  readonly sinceMs: number;
  entered: number;
  ended: number;
  overloaded: number;
  mostUnderWay: number;
  timed: number;
  readonly times: AnswerTimes;
  /** What the timed answers took, and usually would have. */
  tookMs: number;
  usuallyMs: number;
}

/**
 * How many calls may be under way on each target: more while it copes with as many as are allowed, fewer when it
 * answers that it has too much to do, or takes much longer than answers of that length usually take. Additive increase, multiplicative decrease, at most one of them a second.
 */
@Injectable()
export class ConcurrencyLimits {
  readonly #targets = new Map<string, TargetConcurrency>();

  constructor(
    @Inject(sectionToken(ResilienceConfig)) private readonly config: ResilienceConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly scheduler: QuotaScheduler,
  ) {}

  /** Takes a place; undefined where all are taken. */
  enter(target: string): ConcurrencySlot | undefined {
    return this.#of(target).enter(this.clock.monotonicMs());
  }

  counts(): readonly ConcurrencyCount[] {
    return [...this.#targets].map(([target, { limit, underWay }]) => ({ target, limit, underWay }));
  }

  #of(target: string): TargetConcurrency {
    const present = this.#targets.get(target);
    if (present !== undefined) return present;
    const made = new TargetConcurrency(this.config.concurrency, this.clock, () =>
      this.scheduler.freed(target),
    );
    this.#targets.set(target, made);
    if (this.#targets.size > MAX_TARGETS) this.#forgetIdle();
    return made;
  }

  #forgetIdle(): void {
    for (const [target, { underWay }] of this.#targets) {
      if (underWay > 0) continue;
      this.#targets.delete(target);
      return;
    }
  }
}

class TargetConcurrency {
  #limit: number;
  #underWay = 0;
  readonly #usual = new UsualTime();
  #round: Round;

  constructor(
    private readonly config: ConcurrencyConfig,
    private readonly clock: Clock,
    private readonly freed: () => void,
  ) {
    this.#limit = config.initialCalls;
    this.#round = roundFrom(clock.monotonicMs(), 0);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get underWay(): number {
    return this.#underWay;
  }

  enter(nowMs: number): ConcurrencySlot | undefined {
    // After a quiet time what was seen before it says nothing about now.
    if (this.#underWay === 0 && nowMs - this.#round.sinceMs > ROUND_MS) this.#round = roundFrom(nowMs, 0);
    if (this.#underWay >= this.limit) return undefined;
    this.#underWay += 1;
    this.#round.entered += 1;
    this.#round.mostUnderWay = Math.max(this.#round.mostUnderWay, this.#underWay);
    return {
      overloaded: () => {
        this.#round.overloaded += 1;
      },
      answered: (tookMs, outputTokens) => {
        const usuallyMs = this.#usual.ofMs(outputTokens);
        this.#round.times.observe(outputTokens, tookMs);
        if (usuallyMs === undefined) return;
        this.#round.timed += 1;
        this.#round.tookMs += tookMs;
        this.#round.usuallyMs += usuallyMs;
      },
      // Nobody waits for this place but who asked in vain: to tell of it would have it asked again, and again.
      unused: () => {
        this.#underWay -= 1;
      },
      leave: () => {
        this.#round.ended += 1;
        this.#adapt();
        this.#giveBack();
      },
    };
  }

  #giveBack(): void {
    const wasFull = this.#underWay >= this.limit;
    this.#underWay -= 1;
    if (wasFull) this.freed();
  }

  #adapt(): void {
    const { sinceMs, entered, ended, overloaded, mostUnderWay } = this.#round;
    const nowMs = this.clock.monotonicMs();
    if (Math.min(entered, ended) < ROUND_CALLS || nowMs - sinceMs < ROUND_MS) return;
    const slow = this.#isSlow();
    this.#usual.learn(this.#round.times, slow ? SLOW_WEIGHT : 1);
    // Refusals come faster than answers: of those that ended they are always too many.
    if ((overloaded > 0 && overloaded >= entered * OVERLOADED_SHARE) || slow) {
      const less = Math.min(this.#limit, mostUnderWay) * LESS;
      this.#limit = Math.max(this.config.minCalls, less);
    } else if (mostUnderWay >= this.limit * LESS) {
      this.#limit = Math.min(this.config.maxCalls, this.#limit + Math.sqrt(this.#limit));
    }
    this.#round = roundFrom(nowMs, this.#underWay);
  }

  /** Whether answers took much longer than ones of their length usually do. */
  #isSlow(): boolean {
    const { timed, tookMs, usuallyMs } = this.#round;
    if (timed < ROUND_CALLS) return false;
    return tookMs > usuallyMs * this.config.slowFactor && tookMs - usuallyMs > timed * LEAST_SLOWER_MS;
  }
}

function roundFrom(sinceMs: number, underWay: number): Round {
  return {
    sinceMs,
    entered: 0,
    ended: 0,
    overloaded: 0,
    mostUnderWay: underWay,
    timed: 0,
    times: new AnswerTimes(),
    tookMs: 0,
    usuallyMs: 0,
  };
}
