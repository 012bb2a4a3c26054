import { Module } from '@nestjs/common';
import { Random } from '../core/random.js';
import { AttemptRing } from './attempt-ring.js';
import { OutlierEjection } from './outlier-ejection.js';
import { TargetHealth } from './target-health.js';

/** What is done about failing targets. */
@Module({
  providers: [AttemptRing, TargetHealth, OutlierEjection, { provide: Random, useValue: Math.random }],
  exports: [AttemptRing, TargetHealth, OutlierEjection, Random],
})
export class ResilienceModule {}
