import { Module } from '@nestjs/common';
import { LearnedLimits } from './learned-limits.js';
import { QuotaGate } from './quota-gate.js';
import { QuotaScheduler } from './scheduler.js';
import { TokenEstimator } from './token-estimator.js';
import { UrgentDemand } from './urgent-demand.js';

/** Google's quotas: what was used, what is left, what a call will need. The ledger itself is the process's to give. */
@Module({
  providers: [QuotaGate, UrgentDemand, QuotaScheduler, LearnedLimits, TokenEstimator],
  exports: [QuotaGate, UrgentDemand, QuotaScheduler, LearnedLimits, TokenEstimator],
})
export class QuotaModule {}
