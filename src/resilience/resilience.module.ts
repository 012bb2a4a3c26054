import { Module } from '@nestjs/common';
import { Random } from '../core/random.js';
import { AttemptRing } from './attempt-ring.js';
import { QuotaModule } from '../quota/quota.module.js';
import { ConcurrencyLimits } from './concurrency-limits.js';
import { OutlierEjection } from './outlier-ejection.js';
import { TargetHealth } from './target-health.js';

/** What is done about failing targets. */
@Module({
  imports: [QuotaModule],
  providers: [
    AttemptRing,
    TargetHealth,
    ConcurrencyLimits,
    OutlierEjection,
    { provide: Random, useValue: Math.random },
  ],
  exports: [QuotaModule, AttemptRing, TargetHealth, ConcurrencyLimits, OutlierEjection, Random],
})
export class ResilienceModule {}
