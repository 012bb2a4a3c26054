import type { PriceRowConfig } from './prices.config.js';

/** Service tiers that have prices. */
export type PriceTier = PriceRowConfig['tier'];

/** Input tokens for each output token of a usual call. */
const INPUT_PER_OUTPUT = 3;

/** The first row of a tier that applies on the UTC day to a prompt of so many tokens; undefined where none does. */
export function priceRow(
  prices: readonly PriceRowConfig[],
  wallMs: number,
  tier: PriceTier,
  promptTokens: number,
): PriceRowConfig | undefined {
  const today = utcDay(wallMs);
  return prices.find(
    (row) =>
      appliesOn(row, today, tier) &&
      promptTokens <= (row.upToPromptTokens ?? Infinity) &&
      promptTokens > (row.abovePromptTokens ?? -1),
  );
}

/** All rows of a tier that apply on the UTC day, whatever the size of the prompt. */
export function priceRowsOn(
  prices: readonly PriceRowConfig[],
  wallMs: number,
  tier: PriceTier,
): readonly PriceRowConfig[] {
  const today = utcDay(wallMs);
  return prices.filter((row) => appliesOn(row, today, tier));
}

function appliesOn(row: PriceRowConfig, today: string, tier: PriceTier): boolean {
  return (
    row.tier === tier &&
    (row.from === undefined || row.from <= today) &&
    (row.until === undefined || today <= row.until)
  );
}

function utcDay(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}

/**
 * One number to compare models by: USD per million tokens of a usual mix, at the standard tier's first row that
 * applies on the day. Undefined where no price is known.
 */
export function indexPriceUsd(prices: readonly PriceRowConfig[], wallMs: number): number | undefined {
  const row = priceRow(prices, wallMs, 'standard', 0);
  if (row === undefined) return undefined;
  return (INPUT_PER_OUTPUT * row.input + (row.output ?? 0)) / (INPUT_PER_OUTPUT + 1);
}
