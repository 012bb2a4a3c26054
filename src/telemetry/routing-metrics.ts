import { Injectable } from '@nestjs/common';
import { OutlierEjection } from '../resilience/outlier-ejection.js';
import { TargetHealth } from '../resilience/target-health.js';
import { Hedging } from '../routing/hedging.js';
import { Mirror } from '../routing/mirror.js';
import { Metrics } from './metrics.js';

const NANO_USD_PER_USD = 1_000_000_000;

/** Shows at each scrape how the targets are and what second attempts and copies of calls came to. */
@Injectable()
export class RoutingMetrics {
  constructor(
    metrics: Metrics,
    health: TargetHealth,
    ejection: OutlierEjection,
    hedging: Hedging,
    mirror: Mirror,
  ) {
    metrics.pull(
      'gateway_target_health',
      'How well a target is: 1 well, 0.5 while a single call probes it, 0.001 while it is left alone or rests.',
      ['target'],
      () => health.targets().map((target) => ({ labels: { target }, value: health.score(target) })),
    );
    metrics.pull('gateway_project_ejected', '1 while a project is left out of plans.', ['project'], () =>
      ejection.projects().map((project) => ({ labels: { project }, value: Number(ejection.has(project)) })),
    );
    metrics.pull(
      'gateway_hedges_total',
      'Second attempts beside slow first ones, and the calls that might have had one.',
      ['task', 'kind'],
      () =>
        hedging.counts().flatMap(({ task, calls, hedged }) => [
          { labels: { task, kind: 'call' }, value: calls },
          { labels: { task, kind: 'hedge' }, value: hedged },
        ]),
    );
    metrics.pull(
      'gateway_mirrored_total',
      'Calls drawn for a copy: sent, those of them that failed, or why none was sent.',
      ['task', 'result'],
      () =>
        [...mirror.stats()].flatMap(([task, { calls, failed, refused }]) =>
          Object.entries({ sent: calls, failed, ...refused }).map(([result, value]) => ({
            labels: { task, result },
            value,
          })),
        ),
    );
    metrics.pull('gateway_mirror_spent_usd', 'What copies cost in this UTC day.', ['task'], () =>
      [...mirror.stats()].map(([task, { spentNanoUsd }]) => ({
        labels: { task },
        value: spentNanoUsd / NANO_USD_PER_USD,
      })),
    );
  }
}
