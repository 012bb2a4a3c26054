import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import { Clock, type Timer } from '../core/clock.js';
import type { ProbeResult } from '../core/provider.js';
import { RoutingTables } from './routing-tables.js';
import { RoutingConfig } from './routing.config.js';

const PROBE_TIMEOUT_MS = 10_000;

/** Looks at every project from time to time, so that operators learn of a dead one before callers do. */
@Injectable()
export class UpstreamProbe implements BeforeApplicationShutdown {
  #results: Readonly<Record<string, ProbeResult>> = {};
  #timer: Timer | undefined;
  readonly #stopping = new AbortController();

  constructor(
    private readonly store: ConfigStore,
    private readonly tables: RoutingTables,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** What the last look found, by project; empty before the first. */
  get results(): Readonly<Record<string, ProbeResult>> {
    return this.#results;
  }

  /** Begins to look, first at once. Nothing waits for it. */
  start(): void {
    void this.#round();
  }

  /** Before the providers close their connections, which waits for what is under way on them. */
  beforeApplicationShutdown(): void {
    this.#stopping.abort();
    this.#timer?.clear();
  }

  async #round(): Promise<void> {
    const snapshot = this.store.current();
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    const found = await Promise.all(
      this.tables
        .of(snapshot)
        .allSites()
        .map(async ({ project, provider }) => {
          return [project.id, await provider.probe(signal)] as const;
        }),
    );
    this.#results = Object.fromEntries(found);
    if (this.#stopping.signal.aborted) return;
    this.#timer = this.clock.after(snapshot.get(RoutingConfig).probeIntervalMs, () => void this.#round());
  }
}
