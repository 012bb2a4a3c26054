import { Injectable } from '@nestjs/common';
import { TargetQuota } from '../routing/target-quota.js';
import { Metrics } from './metrics.js';

/** Shows at each scrape which quotas refused, and how far estimates of input tokens are off. */
@Injectable()
export class QuotaMetrics {
  constructor(metrics: Metrics, quota: TargetQuota) {
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
