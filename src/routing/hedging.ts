import { Injectable } from '@nestjs/common';
import type { Hedge } from '../resilience/race.js';
import type { HedgeConfig } from './failover.config.js';
import { LatencyBook } from './latency-book.js';

/** Second attempts that a quiet time leaves over are not kept up to a burst of more than these. */
const MAX_SAVED = 10;

/** Second attempts of one task. */
interface Account {
  /** Second attempts that the calls so far allow; each call adds its share. */
  left: number;
  calls: number;
  hedged: number;
}

/** What a task's second attempts come to. */
export interface HedgeCounts {
  readonly task: string;
  readonly calls: number;
  readonly hedged: number;
}

/** Second attempts beside slow first ones: when one is due, and how many a task may make. */
@Injectable()
export class Hedging {
  readonly #accounts = new Map<string, Account>();

  constructor(private readonly latencies: LatencyBook) {}

  /** The hedge of one call of a task. Each call earns its share of a second attempt. */
  of(task: string, stream: boolean, { quantile, maxShare, minDelayMs }: HedgeConfig): Hedge {
    const account = this.#of(task);
    account.calls += 1;
    account.left = Math.min(MAX_SAVED, account.left + maxShare);
    return {
      afterMs: (target) => {
        const usuallyMs = this.latencies.beginsWithinMs(target, stream, quantile);
        return usuallyMs === undefined ? undefined : Math.max(minDelayMs, usuallyMs);
      },
      take: () => {
        if (account.left < 1) return false;
        account.left -= 1;
        account.hedged += 1;
        return true;
      },
    };
  }

  /** Calls and second attempts since the start, by task. */
  counts(): readonly HedgeCounts[] {
    return [...this.#accounts].map(([task, { calls, hedged }]) => ({ task, calls, hedged }));
  }

  #of(task: string): Account {
    const present = this.#accounts.get(task);
    if (present !== undefined) return present;
    const made = { left: 0, calls: 0, hedged: 0 };
    this.#accounts.set(task, made);
    return made;
  }
}
