import { Injectable } from '@nestjs/common';
import { AnswerCache } from './answer-cache.js';
import { Metrics } from './telemetry/metrics.js';

/** Shows at each scrape how full the cache is, and what went wrong behind it. */
@Injectable()
export class CacheMetrics {
  constructor(metrics: Metrics, { memory, stats, coalescer, turns }: AnswerCache) {
    metrics.pull('gateway_cache_memory_bytes', 'Memory that stored answers take here, about.', [], () => [
      { labels: {}, value: memory.bytes },
    ]);
    metrics.pull('gateway_cache_memory_entries', 'Answers that are stored here.', [], () => [
      { labels: {}, value: memory.size },
    ]);
    metrics.pull(
      'gateway_cache_troubles_total',
      'What went wrong with the stored answers in Redis; each is a miss, and no failure of a call.',
      ['trouble'],
      () => [...stats.troubles].map(([trouble, value]) => ({ labels: { trouble }, value })),
    );
    metrics.pull(
      'gateway_cache_refreshes_total',
      'Answers fetched anew behind callers who got stale ones.',
      ['result'],
      () => [...stats.refreshes].map(([result, value]) => ({ labels: { result }, value })),
    );
    metrics.pull(
      'gateway_cache_refresh_tokens_total',
      'Tokens that such answers used; no call is charged with them.',
      [],
      () => [{ labels: {}, value: stats.refreshUsage.totalTokens }],
    );
    metrics.pull(
      'gateway_coalescing_flights',
      'Upstream calls that identical calls share or could.',
      [],
      () => [{ labels: {}, value: coalescer.counts().flights }],
    );
    metrics.pull(
      'gateway_coalesced_calls_total',
      'Calls answered by an identical one’s upstream call, and calls that found too many shared already.',
      ['result'],
      () => {
        const { joined, crowded } = coalescer.counts();
        return [
          { labels: { result: 'joined' }, value: joined },
          { labels: { result: 'crowded' }, value: crowded },
        ];
      },
    );
    metrics.pull(
      'gateway_replica_waits_total',
      'Waits for another replica’s answer: those that were spared a call, and those in vain.',
      ['result'],
      () => {
        const { spared, inVain } = turns.counts();
        return [
          { labels: { result: 'spared' }, value: spared },
          { labels: { result: 'in_vain' }, value: inVain },
        ];
      },
    );
  }
}
