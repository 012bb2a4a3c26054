import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Clock, type Timer } from '../core/clock.js';
import type { JsonObject } from '../core/json.js';
import { contextRates, paysToKeep, paysToMake, spentNanoUsd } from './break-even.js';
import { ContextCacheBook, type ContextCacheCounts } from './context-cache-book.js';
import { ContextCacheClient } from './context-cache-client.js';
import type { ContextCacheConfig } from './context-cache.config.js';
import { KeptContext } from './kept-context.js';
import type { ModelConfig } from './models.config.js';
import { type Prefix, prefixBody } from './request-prefix.js';
import { targetName, type Target } from './target.js';

/** A cache to name in place of the beginning that it holds. */
export interface UsableContext {
  readonly name: string;
  readonly contents: number;
  /** It was refused, and the request passed without it. */
  gone(): void;
}

/** A call's beginnings on a target. */
export interface ContextQuestion {
  readonly target: Target;
  readonly model: ModelConfig;
  readonly settings: ContextCacheConfig;
  readonly request: Readonly<JsonObject>;
  /** Longest first. */
  readonly prefixes: readonly Prefix[];
}

/** Beginnings watched; those used longest ago are forgotten beyond it. What is kept for them ends by itself. */
const MAX_WATCHED = 10_000;
/** Kept at a time. */
const MAX_KEPT = 500;
/** Made at a time. */
const MAX_MAKING = 2;
const SWEEP_MS = 30_000;
/** A cache that ends so soon is not named: the call may take some time to get there. */
const MARGIN_MS = 5_000;

/**
 * Has Google keep beginnings of prompts where that saves more than it costs, by the prices of the model and the calls
 * seen. Nothing of it is waited for: what is made, prolonged or dropped is so behind the calls.
 */
@Injectable()
export class ContextCaches implements OnApplicationShutdown {
  readonly #watched = new Map<string, KeptContext>();
  readonly #book = new ContextCacheBook();
  readonly #client: ContextCacheClient;
  #making = 0;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(@Inject(Clock) private readonly clock: Clock) {
    this.#client = new ContextCacheClient(clock);
  }

  /** The longest beginning of the call that its target has, with which it is to be asked; undefined where it has none. */
  use(question: ContextQuestion): UsableContext | undefined {
    const { target, prefixes } = question;
    if (target.kind !== 'gemini') return undefined;
    let usable: UsableContext | undefined;
    let worth: { readonly context: KeptContext; readonly prefix: Prefix } | undefined;
    const known = prefixes.flatMap((prefix) => {
      const context = prefix.contents === undefined ? undefined : this.#watch(question, prefix);
      return context === undefined ? [] : [{ prefix, context }];
    });
    const keptTokens = Math.max(
      0,
      ...known.map(({ context }) => (this.#isUsable(context) ? context.tokens : 0)),
    );
    for (const { prefix, context } of known) {
      const hit = usable === undefined && this.#isUsable(context);
      const saved = context.used(hit);
      if (hit) usable = this.#named(target, context, prefix, saved);
      else if (worth === undefined && usable === undefined && this.#isWorth(question, context, keptTokens))
        worth = { context, prefix };
      if (hit) void this.#prolong(target, context);
    }
    if (worth !== undefined) void this.#make(question, worth.context, worth.prefix);
    return usable;
  }

  /** An answer told how many tokens came from the upstream's own cache, to a call that named none. */
  observe(target: Target, prefixes: readonly Prefix[], cachedTokens: number): void {
    for (const { hash } of prefixes)
      this.#watched.get(`${targetName(target)}/${hash}`)?.observe(cachedTokens);
  }

  /** For metrics. */
  counts(): readonly ContextCacheCounts[] {
    return this.#book.all();
  }

  onApplicationShutdown(): void {
    this.#isClosed = true;
    this.#sweep?.clear();
  }

  #watch({ target, model, settings }: ContextQuestion, { hash, tokens }: Prefix): KeptContext | undefined {
    const key = `${targetName(target)}/${hash}`;
    const present = this.#watched.get(key);
    const rates = contextRates(model, this.clock.wallMs(), tokens);
    if (rates === undefined) return undefined;
    this.#watched.delete(key);
    const context = present ?? new KeptContext(tokens, settings.ttlMs, rates, this.clock);
    this.#watched.set(key, context);
    if (this.#watched.size > MAX_WATCHED) {
      const [oldest] = this.#watched.keys();
      if (oldest !== undefined) this.#watched.delete(oldest);
    }
    return context;
  }

  #isUsable({ kept }: KeptContext): boolean {
    return kept !== undefined && kept.expiresMs - MARGIN_MS > this.clock.monotonicMs();
  }

  #isWorth({ settings }: ContextQuestion, context: KeptContext, keptTokens: number): boolean {
    const { tokens, rates, isBusy, barredUntilMs } = context;
    if (isBusy || this.#isClosed || this.#making >= MAX_MAKING || barredUntilMs > this.clock.monotonicMs())
      return false;
    const demand = context.demand();
    // A little has always been forgotten of what there was.
    if (Math.ceil(demand.uses) < settings.minUses) return false;
    return (
      paysToMake(rates, demand, { tokens, newTokens: tokens - keptTokens }) && this.#keptCount() < MAX_KEPT
    );
  }

  #named(target: Target, context: KeptContext, { contents = 0 }: Prefix, saved: number): UsableContext {
    const count = this.#book.of(targetName(target));
    count.hits += 1;
    count.savedNanoUsd += saved;
    const { name } = context.kept ?? { name: '' };
    return {
      name,
      contents,
      gone: () => {
        count.refused += 1;
        count.savedNanoUsd -= saved;
        if (context.kept?.name === name) context.kept = undefined;
      },
    };
  }

  async #make(
    { target, request }: ContextQuestion,
    context: KeptContext,
    { contents = 0 }: Prefix,
  ): Promise<void> {
    const { ttlMs, rates } = context;
    const count = this.#book.of(targetName(target));
    this.#making += 1;
    await this.#asking(context, count, async () => {
      const expiresMs = this.clock.monotonicMs() + ttlMs;
      const { provider, upstreamModel } = target;
      const made = await this.#client.make(provider, upstreamModel, prefixBody(request, contents), ttlMs);
      context.tokens = made.tokens ?? context.tokens;
      context.begin({ name: made.name, provider, expiresMs });
      count.made += 1;
      count.spentNanoUsd += spentNanoUsd(rates, context.tokens, { isMade: true, ttlMs });
      this.#sweepLater();
    });
    this.#making -= 1;
  }

  /** Keeps on keeping what is near its end: what does not pay was dropped before. */
  async #prolong(target: Target, context: KeptContext): Promise<void> {
    const { kept, ttlMs, rates, isBusy } = context;
    if (kept === undefined || isBusy || kept.expiresMs - this.clock.monotonicMs() > ttlMs / 4) return;
    const count = this.#book.of(targetName(target));
    await this.#asking(context, count, async () => {
      const expiresMs = this.clock.monotonicMs() + ttlMs;
      await this.#client.prolong(kept.provider, kept.name, ttlMs);
      context.kept = { ...kept, expiresMs };
      count.prolonged += 1;
      const moreMs = expiresMs - kept.expiresMs;
      count.spentNanoUsd += spentNanoUsd(rates, context.tokens, { isMade: false, ttlMs: moreMs });
    });
  }

  /** Drops what does not pay any more before its end. */
  async #drop(key: string, context: KeptContext): Promise<void> {
    const { kept, rates } = context;
    if (kept === undefined || context.isBusy) return;
    if (!this.#isUsable(context)) context.kept = undefined;
    else if (!paysToKeep(rates, context.hits())) {
      context.kept = undefined;
      const count = this.#book.of(key.slice(0, key.lastIndexOf('/')));
      await this.#asking(context, count, async () => {
        await this.#client.drop(kept.provider, kept.name);
        count.dropped += 1;
      });
    }
  }

  /** One question about a context at a time; after one that failed there is none for a while. */
  async #asking(context: KeptContext, count: ContextCacheCounts, ask: () => Promise<void>): Promise<void> {
    context.isBusy = true;
    try {
      await ask();
    } catch {
      count.failed += 1;
      context.barredUntilMs = this.clock.monotonicMs() + context.ttlMs;
    } finally {
      context.isBusy = false;
    }
  }

  #sweepLater(): void {
    if (this.#sweep !== undefined || this.#isClosed) return;
    this.#sweep = this.clock.after(SWEEP_MS, () => {
      this.#sweep = undefined;
      for (const [key, context] of this.#watched) void this.#drop(key, context);
      if (this.#keptCount() > 0) this.#sweepLater();
    });
  }

  #keptCount(): number {
    let count = 0;
    for (const { kept } of this.#watched.values()) if (kept !== undefined) count += 1;
    return count;
  }
}
