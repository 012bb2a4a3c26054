import type { PriceRowConfig } from './prices.config.js';

/** Input tokens for each output token of a usual call. */
const INPUT_PER_OUTPUT = 3;

/**
 * One number to compare models by: USD per million tokens of a usual mix, at the standard tier's first row that
 * applies on the day. Undefined where no price is known.
 */
export function indexPriceUsd(prices: readonly PriceRowConfig[], wallMs: number): number | undefined {
  const today = new Date(wallMs).toISOString().slice(0, 10);
  const row = prices.find(
    ({ tier, from, until, abovePromptTokens }) =>
      tier === 'standard' &&
      abovePromptTokens === undefined &&
      (from === undefined || from <= today) &&
      (until === undefined || today <= until),
  );
  if (row === undefined) return undefined;
  return (INPUT_PER_OUTPUT * row.input + (row.output ?? 0)) / (INPUT_PER_OUTPUT + 1);
}
