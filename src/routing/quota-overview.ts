import { Inject, Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import { LedgerStatus } from '../quota/ledger-status.port.js';
import { LearnedLimits } from '../quota/learned-limits.js';
import {
  type BucketState,
  type QuotaBucket,
  QuotaLedger,
  type QuotaLimits,
  type QuotaMark,
  type QuotaTarget,
} from '../quota/quota-ledger.port.js';
import { type ClassCount, QuotaScheduler } from '../quota/scheduler.js';
import type { LedgerState } from '../quota/resilient-quota-ledger.js';
import { RoutingTables } from './routing-tables.js';

/** One quota of a target. */
export interface BucketOverview extends Partial<BucketState> {
  readonly bucket: QuotaBucket;
  readonly limit: number;
  /** Where the limit comes from. */
  readonly source: 'configured' | 'learned';
}

/** The quotas of one target. */
export interface TargetOverview extends QuotaTarget {
  /** Calls that are under way, or were lost sight of and have not expired. */
  readonly openReservations: number;
  readonly buckets: readonly BucketOverview[];
  /** What lets nothing through at the moment, whatever is counted. */
  readonly marks: readonly QuotaMark[];
}

/** Tells how much of each limited quota is used. Asks the ledger once for each target: for people, not for each call. */
@Injectable()
export class QuotaOverview {
  constructor(
    private readonly store: ConfigStore,
    private readonly tables: RoutingTables,
    private readonly learned: LearnedLimits,
    @Inject(QuotaLedger) private readonly ledger: QuotaLedger,
    @Inject(LedgerStatus) private readonly status: LedgerStatus,
    private readonly scheduler: QuotaScheduler,
  ) {}

  /** How many calls wait and waited for room, by class. */
  waits(): readonly ClassCount[] {
    return this.scheduler.counts();
  }

  /** How it stands with the ledger that replicas share; undefined where each counts for itself. */
  get ledgerState(): LedgerState | undefined {
    return this.status.state;
  }

  /** Every target with a limit, configured or learned. Rejects where the ledger is out of reach. */
  targets(): Promise<readonly TargetOverview[]> {
    const table = this.tables.of(this.store.current());
    const limited = table.servedModels().flatMap((model) =>
      table.sites(model).flatMap((site) => {
        const { quota, limits: configured } = table.target(model, site, undefined);
        const limits = this.learned.effective(quota, configured);
        return limits === undefined ? [] : [{ quota, configured, limits }];
      }),
    );
    return Promise.all(limited.map(({ quota, configured, limits }) => this.#one(quota, configured, limits)));
  }

  async #one(
    target: QuotaTarget,
    configured: QuotaLimits | undefined,
    limits: QuotaLimits,
  ): Promise<TargetOverview> {
    const { buckets, openReservations, marks } = await this.ledger.snapshot(target);
    return {
      ...target,
      openReservations,
      marks,
      buckets: (Object.entries(limits) as [QuotaBucket, number][]).map(([bucket, limit]) => ({
        bucket,
        limit,
        source: configured?.[bucket] === limit ? 'configured' : 'learned',
        ...(bucket === 'concurrentCalls' ? { used: openReservations } : buckets[bucket]),
      })),
    };
  }
}
