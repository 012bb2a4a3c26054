import type { Usage } from '../core/usage.js';
import type { Modality } from './capabilities.js';
import { priceRow, type PriceTier } from './price-index.js';
import type { PriceRowConfig } from './prices.config.js';

/** What Google calls the modalities in its counts. */
const COUNTED_AS = {
  text: 'TEXT',
  image: 'IMAGE',
  audio: 'AUDIO',
  video: 'VIDEO',
  pdf: 'DOCUMENT',
} as const satisfies Record<Modality, string>;

/** Parts of a USD in which prices are counted: nine decimals are more than any vendor gives. */
const PRICE_UNITS_PER_USD = 1_000_000_000;
/** Prices are for so many tokens. */
const PRICED_TOKENS = 1_000_000n;

type Counts = Readonly<Record<string, number>> | undefined;
type Rates = Readonly<Record<string, number>>;

/**
 * What a generation cost, in nano-USD: a safe integer, which logs, JSON and metrics take as it is and which reaches nine
 * million USD. The sum is exact and rounded once, half up (a token can cost a fraction of a nano-USD); prices count with
 * nine decimals. A larger sum, which no true count gives, is Number.MAX_SAFE_INTEGER.
 *
 * Cached tokens pay the cached rate, thoughts that of output, tool use that of input; the whole call pays by the row that
 * its prompt's length falls in. Where the counts are split by modality, each part pays its own rate; tokens beyond the
 * split pay the plain one. Undefined where no row applies or it has no rate for tokens that were used: an unknown price
 * is not zero. Source: ai.google.dev/gemini-api/docs/pricing, 2026-10.
 */
export function costNanoUsd(
  usage: Usage,
  prices: readonly PriceRowConfig[],
  wallMs: number,
  tier: PriceTier = 'standard',
): number | undefined {
  const row = priceRow(prices, wallMs, tier, usage.inputTokens);
  if (row === undefined) return undefined;
  const { input, cached = input, output } = row;
  if (output === undefined && usage.outputTokens + usage.thoughtsTokens > 0) return undefined;
  const cachedTokens = Math.min(usage.cachedTokens, usage.inputTokens);
  const by = usage.byModality;
  const cachedRates = row.cached === undefined ? row.inputByModality : {};
  const units =
    partUnits(usage.inputTokens - cachedTokens, less(by?.input, by?.cached), input, row.inputByModality) +
    partUnits(cachedTokens, by?.cached, cached, { ...cachedRates, ...row.cachedByModality }) +
    partUnits(usage.toolUseTokens, by?.toolUse, input, row.inputByModality) +
    partUnits(usage.outputTokens, by?.output, output ?? 0, row.outputByModality) +
    partUnits(usage.thoughtsTokens, undefined, output ?? 0, {});
  return nanoUsdOf(units);
}

/** Tokens times price, in price units per token: those counted in a modality with a rate of its own by that. */
function partUnits(tokens: number, counts: Counts, plainRate: number, rates: Rates): bigint {
  let plain = whole(tokens);
  let units = 0n;
  for (const [modality, name] of Object.entries(COUNTED_AS)) {
    const rate = rates[modality];
    if (rate === undefined) continue;
    const counted = whole(counts?.[name] ?? 0);
    const part = counted < plain ? counted : plain;
    plain -= part;
    units += part * unitsOf(rate);
  }
  return units + plain * unitsOf(plainRate);
}

/** The counts of the prompt without those that came from the cache. */
function less(all: Counts, cached: Counts): Counts {
  if (all === undefined || cached === undefined) return all;
  return Object.fromEntries(
    Object.entries(all).map(([name, tokens]) => [name, Math.max(0, tokens - (cached[name] ?? 0))]),
  );
}

// Rounding gives back the decimals that were written: a double is within half a unit below a million USD.
function unitsOf(usdPerMillion: number): bigint {
  return BigInt(Math.round(usdPerMillion * PRICE_UNITS_PER_USD));
}

function whole(tokens: number): bigint {
  return BigInt(Math.round(tokens));
}

function nanoUsdOf(units: bigint): number {
  const nanoUsd = (units + PRICED_TOKENS / 2n) / PRICED_TOKENS;
  return nanoUsd > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(nanoUsd);
}
