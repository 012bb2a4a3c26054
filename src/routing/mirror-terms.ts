import type { Call } from '../core/call.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { costBoundNanoUsd } from './cost-bound.js';
import { costNanoUsd } from './cost.js';
import type { Drained } from './drained-call.js';
import { ModelsConfig } from './models.config.js';
import type { PriceTier } from './price-index.js';
import type { PriceRowConfig } from './prices.config.js';
import type { Target } from './target.js';
import { withBypassSignatures } from './thought-signatures.js';

/** A copy of a call as it is to be sent, and what it is charged by. */
export interface MirrorTerms {
  readonly request: Readonly<JsonObject>;
  readonly prices: readonly PriceRowConfig[];
  readonly tier: PriceTier;
  /** The prices are those of this time, however long the call takes. */
  readonly wallMs: number;
  /** The most that it can cost. */
  readonly boundNanoUsd: number;
}

/** The terms of a copy, or why its cost has no bound. */
export function mirrorTerms(
  { request: original, config }: Call,
  target: Target,
  wallMs: number,
): MirrorTerms | 'no_price' | 'billed_tools' {
  // Another model made the signatures that the call carries, if any.
  const request = target.prepare(withBypassSignatures(original));
  if (usesBilledTools(request)) return 'billed_tools';
  const model = config.get(ModelsConfig).models[target.model];
  const tier = tierOf(request['serviceTier']);
  if (model === undefined || tier === undefined) return 'no_price';
  const boundNanoUsd = costBoundNanoUsd(request, model, wallMs, tier);
  if (boundNanoUsd === undefined) return 'no_price';
  return { request, prices: model.prices, tier, wallMs, boundNanoUsd };
}

/**
 * What a copy is charged, in nano-USD: its tokens. One that told of none although it was answered, or that was cut off,
 * may have used as many as it could, and is charged so; one that was refused, or never arrived, is free.
 */
export function mirrorCharge({ usage, began, end }: Drained, terms: MirrorTerms): number {
  const { prices, wallMs, tier, boundNanoUsd } = terms;
  if (usage.totalTokens > 0) return costNanoUsd(usage, prices, wallMs, tier) ?? boundNanoUsd;
  if (began || !('error' in end)) return boundNanoUsd;
  const { reason, metadata } = end.error;
  const cutShort =
    reason === 'CANCELLED' || reason === 'DEADLINE_EXCEEDED' || metadata['timeout'] !== undefined;
  return cutShort ? boundNanoUsd : 0;
}

/** Google bills its own tools by the query, beside tokens that nobody knows beforehand. */
function usesBilledTools({ tools }: Readonly<JsonObject>): boolean {
  return (
    Array.isArray(tools) &&
    tools.some(
      (tool) => isJsonObject(tool) && Object.keys(tool).some((kind) => kind !== 'functionDeclarations'),
    )
  );
}

// Batch jobs are no calls.
const TIERS = ['standard', 'flex', 'priority'] as const satisfies readonly PriceTier[];

function tierOf(asked: JsonValue | undefined): PriceTier | undefined {
  if (asked === undefined) return 'standard';
  return TIERS.find((tier) => typeof asked === 'string' && asked.toLowerCase() === tier);
}
