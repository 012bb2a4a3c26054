import type { ModelConfig } from './models.config.js';
import { priceRow } from './price-index.js';

/** What a million tokens cost, in USD. */
export interface ContextRates {
  readonly input: number;
  readonly cached: number;
  /** For each hour. */
  readonly storageHour: number;
}

/** What is known of a beginning of prompts. */
export interface Demand {
  /** Calls with it that are to be expected within `ttlMs`. */
  readonly uses: number;
  /** Part of it that the upstream has from its own cache anyway, from 0 to 1. */
  readonly implicitShare: number;
  readonly ttlMs: number;
}

const HOUR_MS = 3_600_000;
/** A price per million tokens in USD, for one token in nano-USD. */
const NANO_USD_PER_TOKEN = 1_000;

/** The rates of a model, where it takes cached contents and all of the rates are known. */
export function contextRates(
  model: ModelConfig,
  wallMs: number,
  promptTokens: number,
): ContextRates | undefined {
  if (!model.explicitCache) return undefined;
  const row = priceRow(model.prices, wallMs, 'standard', promptTokens);
  if (row?.cached === undefined || row.cacheStorageHour === undefined) return undefined;
  return { input: row.input, cached: row.cached, storageHour: row.cacheStorageHour };
}

/**
 * Whether it pays to have so many tokens kept: to make the cache costs their price as input, to keep it costs storage.
 * `newTokens` are those that are not kept already within a shorter beginning.
 */
export function paysToMake(
  rates: ContextRates,
  demand: Demand,
  { tokens, newTokens }: { readonly tokens: number; readonly newTokens: number },
): boolean {
  return savings(rates, demand) * newTokens > (rates.input + storage(rates, demand.ttlMs)) * tokens;
}

/** Whether it pays to keep what was made. */
export function paysToKeep(rates: ContextRates, demand: Demand): boolean {
  return savings(rates, demand) > storage(rates, demand.ttlMs);
}

/** What one use saves, in nano-USD. */
export function savedNanoUsd({ input, cached }: ContextRates, tokens: number): number {
  return Math.round((input - cached) * tokens * NANO_USD_PER_TOKEN);
}

/** What it costs to make and to keep, in nano-USD. */
export function spentNanoUsd(
  rates: ContextRates,
  tokens: number,
  { isMade, ttlMs }: { readonly isMade: boolean; readonly ttlMs: number },
): number {
  return Math.round(((isMade ? rates.input : 0) + storage(rates, ttlMs)) * tokens * NANO_USD_PER_TOKEN);
}

function savings({ input, cached }: ContextRates, { uses, implicitShare }: Demand): number {
  return uses * (input - cached) * (1 - implicitShare);
}

function storage({ storageHour }: ContextRates, ttlMs: number): number {
  return (storageHour * ttlMs) / HOUR_MS;
}
