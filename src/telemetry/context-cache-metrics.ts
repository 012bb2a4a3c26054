import { Injectable } from '@nestjs/common';
import type { ContextCacheCounts } from '../routing/context-cache-book.js';
import { ContextCaches } from '../routing/context-caches.js';
import { Metrics } from './metrics.js';

const NANO_USD_PER_USD = 1_000_000_000;

/** Shows at each scrape what having Google keep beginnings of prompts came to. */
@Injectable()
export class ContextCacheMetrics {
  constructor(metrics: Metrics, caches: ContextCaches) {
    const perTarget = (valueOf: (counts: ContextCacheCounts) => number) => () =>
      caches.counts().map((counts) => ({ labels: { target: counts.target }, value: valueOf(counts) }));
    metrics.pull(
      'gateway_context_caches_total',
      'Beginnings of prompts that Google was asked to keep: made, prolonged, dropped before their end, or failed.',
      ['target', 'event'],
      () =>
        caches.counts().flatMap(({ target, made, prolonged, dropped, failed }) =>
          Object.entries({ made, prolonged, dropped, failed }).map(([event, value]) => ({
            labels: { target, event },
            value,
          })),
        ),
    );
    metrics.pull(
      'gateway_context_cache_calls_total',
      'Calls that named a kept beginning, and those among them whose target had lost it.',
      ['target', 'result'],
      () =>
        caches.counts().flatMap(({ target, hits, refused }) => [
          { labels: { target, result: 'named' }, value: hits },
          { labels: { target, result: 'refused' }, value: refused },
        ]),
    );
    metrics.pull(
      'gateway_context_cache_saved_usd',
      'What kept beginnings saved against their price as plain input.',
      ['target'],
      perTarget(({ savedNanoUsd }) => savedNanoUsd / NANO_USD_PER_USD),
    );
    metrics.pull(
      'gateway_context_cache_spent_usd',
      'What it cost to have them made and kept.',
      ['target'],
      perTarget(({ spentNanoUsd }) => spentNanoUsd / NANO_USD_PER_USD),
    );
  }
}
