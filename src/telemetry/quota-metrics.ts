import { Injectable } from '@nestjs/common';
import { ConcurrencyLimits } from '../resilience/concurrency-limits.js';
import { QuotaOverview } from '../routing/quota-overview.js';
import { TargetQuota } from '../routing/target-quota.js';
import { Metrics } from './metrics.js';

/** Shows at each scrape which quotas refused, and how far estimates of input tokens are off. */
@Injectable()
export class QuotaMetrics {
  constructor(metrics: Metrics, quota: TargetQuota, overview: QuotaOverview, concurrency: ConcurrencyLimits) {
    metrics.pull(
      'gateway_waiting_calls',
      'Calls that wait for room in quotas of Google’s now.',
      ['priority'],
      () => overview.waits().map(({ priority, waiting }) => ({ labels: { priority }, value: waiting })),
    );
    metrics.pull(
      'gateway_waits_total',
      'Waits that ended, with room got or without.',
      ['priority', 'end'],
      () =>
        overview.waits().flatMap(({ priority, served, refused }) => [
          { labels: { priority, end: 'served' }, value: served },
          { labels: { priority, end: 'refused' }, value: refused },
        ]),
    );
    metrics.pull(
      'gateway_wait_seconds_total',
      'Time that calls waited for room that they got.',
      ['priority'],
      () =>
        overview.waits().map(({ priority, servedMs }) => ({ labels: { priority }, value: servedMs / 1_000 })),
    );
    metrics.pull(
      'gateway_target_concurrency',
      'Calls under way on a target, and how many may be.',
      ['target', 'what'],
      () =>
        concurrency.counts().flatMap(({ target, limit, underWay }) => [
          { labels: { target, what: 'limit' }, value: limit },
          { labels: { target, what: 'under_way' }, value: underWay },
        ]),
    );
    metrics.pullLater(
      'gateway_quota_headroom',
      'Part of a quota of Google’s that is left, 0 to 1.',
      ['target', 'bucket'],
      async () =>
        (await overview.targets()).flatMap(({ project, model, buckets }) =>
          buckets.map(({ bucket, limit, used = 0, debt = 0 }) => ({
            labels: { target: `${project}/${model}`, bucket },
            value: limit === 0 ? 0 : Math.max(0, (limit - used - debt) / limit),
          })),
        ),
    );
    metrics.pull(
      'gateway_quota_ledger_away',
      '1 while the Redis that replicas share is out of reach and a rule decides; only with one configured.',
      ['rule'],
      () => {
        const state = overview.ledgerState;
        return state === undefined
          ? []
          : [{ labels: { rule: state.rule }, value: state.mode === 'away' ? 1 : 0 }];
      },
    );
    metrics.pull(
      'gateway_quota_ledger_events_total',
      'Outages of the shared ledger, memories that it lost, and what could not be told to it afterwards.',
      ['event'],
      () => {
        const state = overview.ledgerState;
        if (state === undefined) return [];
        const { outages, memoryLosses, lostArrears, unmatchedSettlements } = state;
        return Object.entries({
          outage: outages,
          memory_loss: memoryLosses,
          lost: lostArrears,
          unmatched: unmatchedSettlements,
        }).map(([event, value]) => ({ labels: { event }, value }));
      },
    );
    metrics.pull(
      'gateway_quota_refusals_total',
      'Times that the gateway itself found no room in a quota of Google’s, and sent nothing.',
      ['target', 'bucket'],
      () =>
        quota.refusals().map(({ target: { project, model }, bucket, times }) => ({
          labels: { target: `${project}/${model}`, bucket },
          value: times,
        })),
    );
    metrics.pull(
      'gateway_token_estimate_error',
      'Mean error of the estimated input tokens, as a share of those counted.',
      ['model'],
      () => quota.estimateErrors().map(({ model, error }) => ({ labels: { model }, value: error })),
    );
    metrics.pull(
      'gateway_token_estimate_factor',
      'What estimates by rule are multiplied by, as learned from what was counted.',
      ['model'],
      () => quota.estimateErrors().map(({ model, factor }) => ({ labels: { model }, value: factor })),
    );
  }
}
