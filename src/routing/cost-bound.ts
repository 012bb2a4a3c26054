import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { NO_USAGE } from '../core/usage.js';
import { costNanoUsd } from './cost.js';
import type { ModelConfig } from './models.config.js';
import { priceRowsOn, type PriceTier } from './price-index.js';
import { PriceRowConfig } from './prices.config.js';

/** More than any image takes, in tokens. */
const IMAGE_TOKENS = 5_000;
/** For the marks that set one value of a request apart from the next. */
const TOKENS_BETWEEN = 8;

/** The traits of a model that bound what a call of it costs. */
export type BoundingTraits = Pick<ModelConfig, 'prices' | 'maxOutputTokens' | 'contextTokens'>;

/**
 * The most that a generation can cost in tokens, in nano-USD: the longest answer that the request allows, thoughts
 * included, after the longest prompt that it can be, all at the dearest rates of the day. Undefined where the tier has
 * no price. Not bounded: what the upstream's own tools read on the model's behalf.
 */
export function costBoundNanoUsd(
  request: Readonly<JsonObject>,
  { prices, maxOutputTokens, contextTokens }: BoundingTraits,
  wallMs: number,
  tier: PriceTier = 'standard',
): number | undefined {
  const rows = priceRowsOn(prices, wallMs, tier);
  if (rows.length === 0) return undefined;
  const inputs = rows.flatMap(({ input, cached = 0, inputByModality, cachedByModality }) => [
    input,
    cached,
    ...Object.values(inputByModality),
    ...Object.values(cachedByModality),
  ]);
  const outputs = rows.flatMap(({ output, outputByModality }) => [
    ...(output === undefined ? [] : [output]),
    ...Object.values(outputByModality),
  ]);
  const dearest = new PriceRowConfig();
  dearest.input = Math.max(...inputs);
  if (outputs.length > 0) dearest.output = Math.max(...outputs);
  const usage = {
    ...NO_USAGE,
    inputTokens: mostInputTokens(request, contextTokens),
    outputTokens: mostOutputTokens(request, maxOutputTokens),
  };
  return costNanoUsd(usage, [dearest], wallMs);
}

function mostOutputTokens({ generationConfig }: Readonly<JsonObject>, modelTokens: number): number {
  const config = isJsonObject(generationConfig) ? generationConfig : {};
  return (count(config['maxOutputTokens']) ?? modelTokens) * (count(config['candidateCount']) ?? 1);
}

function count(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && value >= 1 ? value : undefined;
}

/** No tokenizer makes more tokens of a text than it has bytes. What lies elsewhere may fill the context. */
function mostInputTokens(request: Readonly<JsonObject>, contextTokens: number): number {
  return Math.min(contextTokens, mostTokens(request));
}

function mostTokens(value: JsonValue | undefined): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value))
    return value.reduce<number>((sum, item) => sum + mostTokens(item), TOKENS_BETWEEN);
  if (!isJsonObject(value)) return TOKENS_BETWEEN;
  let tokens = TOKENS_BETWEEN;
  for (const [name, field] of Object.entries(value)) {
    if (name === 'fileData' || name === 'cachedContent') return Infinity;
    tokens += name === 'inlineData' ? mediaTokens(field) : Buffer.byteLength(name) + mostTokens(field);
  }
  return tokens;
}

/** Sound and film take fewer tokens than their base64 has characters. */
function mediaTokens(media: JsonValue | undefined): number {
  const { mimeType, data } = isJsonObject(media) ? media : {};
  if (typeof mimeType === 'string' && mimeType.toLowerCase().startsWith('image/')) return IMAGE_TOKENS;
  return IMAGE_TOKENS + (typeof data === 'string' ? data.length : 0);
}
