import type { Call } from '../../../src/core/call.js';
import { GatewayError, type GatewayErrorOptions, type Reason } from '../../../src/core/gateway-error.js';
import type { Generation } from '../../../src/core/generation.js';
import type { QuotaConfig } from '../../../src/quota/quota.config.js';
import type { UrgentDemand } from '../../../src/quota/urgent-demand.js';
import type { QuotaScheduler } from '../../../src/quota/scheduler.js';
import type { AttemptRing } from '../../../src/resilience/attempt-ring.js';
import type { AttemptRules, Candidate } from '../../../src/resilience/candidate.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import type { TargetHealth } from '../../../src/resilience/target-health.js';
import { callFixture, chunkFixture, finishFixture, generationOf } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ringParts } from '../../helpers/ring-parts.js';

/** What a candidate does when tried. */
export type Step = Error | Generation | Promise<Generation> | (() => Error | Generation);

/** A failure for this reason. */
export const error = (reason: Reason, options: GatewayErrorOptions = {}): GatewayError =>
  new GatewayError(reason, `It is ${reason}.`, options);

/** Failures as the providers throw them. */
export const OVERLOADED = error('UPSTREAM_OVERLOADED');
export const UNFIT = error('UNIMPLEMENTED');
export const quotaOfMinute = (retryAfterMs: number): GatewayError =>
  error('UPSTREAM_RATE_LIMITED', { retryAfterMs, metadata: { quotaKind: 'minute', upstreamStatus: 429 } });
export const quotaOfDay = (retryAfterMs: number): GatewayError =>
  error('UPSTREAM_QUOTA_EXHAUSTED', { retryAfterMs, metadata: { quotaKind: 'day', upstreamStatus: 429 } });

/** A good answer. */
export const good = (): Generation => generationOf([chunkFixture('Hello'), finishFixture()]);

/** An attempt that does not end. */
export const HANGING: Promise<Generation> = Promise.withResolvers<Generation>().promise;

/** A clock that tells what it was asked to wait for, and that notices who looks at it without end. */
class WatchedClock extends ManualClock {
  readonly pauses: number[] = [];
  #looks = 0;

  override monotonicMs(): number {
    this.#looks += 1;
    if (this.#looks > 10_000) throw new Error('the clock is looked at without end');
    return super.monotonicMs();
  }

  override after(delayMs: number, fire: () => void): ReturnType<ManualClock['after']> {
    this.pauses.push(delayMs);
    return super.after(delayMs, fire);
  }
}

/** Lets everything happen that needs no time. */
export const allPromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A ring with scripted candidates and a clock that waits for nothing. */
export class RingUnderTest {
  readonly clock = new WatchedClock();
  readonly config: ResilienceConfig;
  readonly health: TargetHealth;
  readonly ring: AttemptRing;
  readonly scheduler: QuotaScheduler;
  readonly demand: UrgentDemand;
  /** `name#number`, and `@ms` where time had passed. */
  readonly attempts: string[] = [];

  constructor(settings: Partial<ResilienceConfig> = {}, random = 1, quota: Partial<QuotaConfig> = {}) {
    this.config = Object.assign(new ResilienceConfig(), settings);
    const parts = ringParts(this.clock, { config: this.config, quota, random: () => random });
    this.health = parts.health;
    this.ring = parts.ring;
    this.scheduler = parts.scheduler;
    this.demand = parts.demand;
  }

  /** A candidate that does this, then ever the last of it. `project/model`, grouped by model; `canned/…` is no upstream. */
  candidate(name: string, ...script: readonly Step[]): Candidate {
    let tries = 0;
    return {
      name,
      group: name.slice(name.indexOf('/') + 1),
      upstream: !name.startsWith('canned/'),
      attempt: async (number) => {
        const nowMs = this.clock.monotonicMs();
        this.attempts.push(`${name}#${number}${nowMs === 0 ? '' : `@${nowMs}`}`);
        const step = script[Math.min(tries, script.length - 1)] ?? good();
        tries += 1;
        const done = typeof step === 'function' ? step() : step;
        if (done instanceof Error) throw done;
        return done;
      },
    };
  }

  /** Begins a call, and lets all happen that needs no time. */
  async begin(candidates: readonly Candidate[], overrides: Partial<Call> = {}, rules?: AttemptRules) {
    const call = callFixture(overrides);
    const running = { call, over: false, done: this.ring.run(call, candidates, rules) };
    const end = (): void => void (running.over = true);
    running.done.then(end, end);
    await allPromises();
    return running;
  }

  /** Lets time pass, with all that happens in it. */
  async pass(byMs: number): Promise<void> {
    for (let left = byMs; left > 0; left -= 100) {
      this.clock.advance(Math.min(left, 100));
      await allPromises();
    }
  }

  /** Runs a call to its end, moving the clock through its pauses. */
  async run(candidates: readonly Candidate[], overrides: Partial<Call> = {}): Promise<Generation> {
    const running = await this.begin(candidates, overrides);
    while (!running.over && this.clock.armed > 0) {
      this.clock.advance(this.clock.pauses.at(-1) ?? 0);
      await allPromises();
    }
    return running.done;
  }
}
