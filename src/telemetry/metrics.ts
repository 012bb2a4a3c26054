import { readFileSync } from 'node:fs';
import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { processMetrics } from './process-metrics.js';

/** One value of a metric. */
export interface Reading<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
}

/** Version of the gateway. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** What `GET /metrics` shows, in Prometheus' text format. Each gateway has its own: several may run in one process. */
@Injectable()
export class Metrics {
  /** Where metrics that are counted as things happen are registered. */
  readonly registry = new Registry();

  readonly #process = processMetrics();

  constructor() {
    this.pull('gateway_build_info', 'The gateway that runs; always 1.', ['version'], () => [
      { labels: { version: VERSION }, value: 1 },
    ]);
  }

  /**
   * Shows the state of a module: `read` is called at each scrape, and its values are all that there are. It must be
   * quick, must not throw, and its labels must come from a bounded set: names of the configuration, never texts of
   * callers. A name that ends in `_total` is a counter, whose values never fall; any other is a gauge. Throws for a
   * name that is taken.
   */
  pull<Label extends string>(
    name: `gateway_${string}`,
    help: string,
    labels: readonly Label[],
    read: () => Iterable<Reading<Label>>,
  ): void {
    const settings = { name, help, labelNames: labels, registers: [] };
    this.registry.registerMetric(
      name.endsWith('_total')
        ? new Counter({
            ...settings,
            collect() {
              this.reset();
              for (const { labels, value } of read()) this.inc(labels, value);
            },
          })
        : new Gauge({
            ...settings,
            collect() {
              this.reset();
              for (const { labels, value } of read()) this.set(labels, value);
            },
          }),
    );
  }

  /** A gauge as `pull` shows it whose state must be asked for. Where that fails it shows nothing. */
  pullLater<Label extends string>(
    name: `gateway_${string}`,
    help: string,
    labels: readonly Label[],
    read: () => Promise<Iterable<Reading<Label>>>,
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [],
      async collect() {
        this.reset();
        for (const { labels, value } of await read().catch(() => [])) this.set(labels, value);
      },
    });
    this.registry.registerMetric(gauge);
  }

  /** Media type of the text. */
  get contentType(): string {
    return this.registry.contentType;
  }

  /** Every metric as it is now, those of the process included. */
  async text(): Promise<string> {
    const texts = await Promise.all([this.registry.metrics(), this.#process.metrics()]);
    return texts.join('\n');
  }
}
