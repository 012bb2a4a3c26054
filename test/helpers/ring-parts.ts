import type { Clock } from '../../src/core/clock.js';
import { QuotaConfig } from '../../src/quota/quota.config.js';
import { QuotaScheduler } from '../../src/quota/scheduler.js';
import { UrgentDemand } from '../../src/quota/urgent-demand.js';
import { AttemptRing } from '../../src/resilience/attempt-ring.js';
import { ConcurrencyLimits } from '../../src/resilience/concurrency-limits.js';
import { OutlierEjection } from '../../src/resilience/outlier-ejection.js';
import { ResilienceConfig } from '../../src/resilience/resilience.config.js';
import { TargetHealth } from '../../src/resilience/target-health.js';

/** What a ring in a test is made of, and what of it may differ. */
export interface RingSettings {
  readonly config?: ResilienceConfig;
  readonly quota?: Partial<QuotaConfig>;
  readonly random?: () => number;
}

/** An attempt ring with what it is made of. */
export function ringParts(clock: Clock, { config, quota, random = () => 1 }: RingSettings = {}) {
  const settings = config ?? new ResilienceConfig();
  const health = new TargetHealth(settings, clock, new OutlierEjection(settings, clock));
  const scheduler = new QuotaScheduler(Object.assign(new QuotaConfig(), quota), clock);
  const concurrency = new ConcurrencyLimits(settings, clock, scheduler);
  const demand = new UrgentDemand(clock);
  const ring = new AttemptRing(health, concurrency, scheduler, demand, settings, clock, random);
  return { ring, health, scheduler, demand, concurrency };
}
