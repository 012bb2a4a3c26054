import { randomUUID } from 'node:crypto';
import { CallRecord } from '../core/call-record.js';
import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Next } from '../core/policy.js';
import { NO_USAGE, type Usage } from '../core/usage.js';
import type { CacheStats } from './cache-stats.js';

/** Answers that are fetched behind stale ones at a time. */
const MOST = 100;

/** Fetches answers anew behind callers who got stale ones: each question once at a time. */
export class Revalidation {
  readonly #running = new Map<string, AbortController>();

  constructor(
    private readonly clock: Clock,
    private readonly stats: CacheStats,
  ) {}

  /**
   * Asks a call's question again, as a call of its own with the time that the call had. `fetch` gives the answer on its
   * way to the store, and `stored` tells whether it went there.
   */
  start(key: string, call: Call, fetch: Next): void {
    if (this.#running.has(key)) return;
    if (this.#running.size >= MOST) return this.stats.refreshed('dropped', NO_USAGE);
    const abort = new AbortController();
    this.#running.set(key, abort);
    const nowMs = this.clock.monotonicMs();
    const record = new CallRecord(nowMs);
    const again: Call = {
      ...call,
      id: randomUUID(),
      record,
      signal: abort.signal,
      deadlineMs: nowMs + Math.max(1, call.deadlineMs - call.record.startedMs),
    };
    void this.#run(again, fetch).finally(() => this.#running.delete(key));
  }

  /** Gives up what is under way. */
  close(): void {
    for (const abort of this.#running.values())
      abort.abort(new GatewayError('CANCELLED', 'The gateway is shutting down.'));
  }

  async #run(call: Call, fetch: Next): Promise<void> {
    let used: Usage = NO_USAGE;
    try {
      const { events } = await fetch(call);
      for await (const { usage } of events) used = usage ?? used;
      this.stats.refreshed(call.record.cache?.stored === true ? 'stored' : 'not_stored', used);
    } catch (thrown) {
      this.stats.refreshed('failed', GatewayError.from(thrown).usage ?? used);
    }
  }
}
