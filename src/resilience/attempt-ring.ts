import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import type { Generation } from '../core/generation.js';
import { Random } from '../core/random.js';
import { QuotaScheduler } from '../quota/scheduler.js';
import { UrgentDemand } from '../quota/urgent-demand.js';
import { AttemptRun, type Rest, type Surroundings } from './attempt-run.js';
import { ALL_ALLOWED, type AttemptRules, type Candidate } from './candidate.js';
import { ConcurrencyLimits } from './concurrency-limits.js';
import { ResilienceConfig } from './resilience.config.js';
import { RetryBudget } from './retry-budget.js';
import { TargetHealth } from './target-health.js';

/**
 * Tries candidates until one produces a first event. Within a group: each in turn, then those again whose failure
 * allows it, after a pause, and those that lack room, in line with other calls; then the next group. All under one deadline and one budget of retries; a pause that the
 * deadline does not allow is not begun.
 */
@Injectable()
export class AttemptRing {
  readonly #around: Surroundings;

  constructor(
    health: TargetHealth,
    concurrency: ConcurrencyLimits,
    scheduler: QuotaScheduler,
    demand: UrgentDemand,
    @Inject(sectionToken(ResilienceConfig)) config: ResilienceConfig,
    @Inject(Clock) clock: Clock,
    @Inject(Random) random: Random,
  ) {
    const budget = new RetryBudget(config.retryBudget);
    this.#around = { health, budget, concurrency, scheduler, demand, config, clock, random };
  }

  /** Rejects with the GatewayError of the last attempt, or with why none could be made. */
  async run(
    call: Call,
    candidates: readonly Candidate[],
    rules: AttemptRules = ALL_ALLOWED,
  ): Promise<Generation> {
    const over = this.#around.budget.call();
    try {
      const run = new AttemptRun(call, rules, candidates, this.#around);
      const groups = Map.groupBy(candidates, ({ group }) => group);
      let left = [...groups.values()];
      for (const group of groups.values()) {
        left = left.slice(1);
        const generation = await run.group(group, restOf(left));
        if (generation !== undefined) return generation;
      }
      throw run.failure();
    } finally {
      over();
    }
  }
}

function restOf(groups: readonly (readonly Candidate[])[]): Rest {
  if (groups.length === 0) return 'nothing';
  return groups.some((group) => group.some(({ upstream }) => upstream)) ? 'upstreams' : 'no_upstreams';
}
