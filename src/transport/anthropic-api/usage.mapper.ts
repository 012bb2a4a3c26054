import type { Collected } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { UsageMetadata } from '../../core/gemini-wire.js';
import type { JsonObject } from '../../core/json.js';
import type { Usage } from '../../core/usage.js';

const TIERS: ReadonlySet<unknown> = new Set(['standard', 'priority', 'batch']);

/**
 * Tokens as Anthropic counts them: cached ones are no part of `input_tokens`, which what the model's own tools read is,
 * and thoughts are output. The three sums make the total.
 */
export function messageUsage(usage: Usage, tier: string | null): JsonObject {
  return {
    ...deltaUsage(usage),
    cache_creation: null,
    inference_geo: null,
    service_tier: tier,
    speed: null,
  };
}

/** The same at the end of a stream. */
export function deltaUsage({
  inputTokens,
  cachedTokens,
  toolUseTokens,
  outputTokens,
  thoughtsTokens,
}: Usage): JsonObject {
  const cached = Math.min(cachedTokens, inputTokens);
  return {
    input_tokens: inputTokens - cached + toolUseTokens,
    // Google caches by itself and bills nothing for it.
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: outputTokens + thoughtsTokens,
    output_tokens_details: { thinking_tokens: thoughtsTokens },
    server_tool_use: null,
  };
}

/** The tier that served the answer, where Anthropic has a word for it. */
export function serviceTierOf(usage: UsageMetadata | undefined): string | null {
  const tier = usage?.['serviceTier'];
  return typeof tier === 'string' && TIERS.has(tier) ? tier : null;
}

/** The tokens of a question. Throws UPSTREAM_PROTOCOL where there is no count. */
export function tokenCount({ chunks }: Collected): JsonObject {
  const total = chunks[0]?.value['totalTokens'];
  if (typeof total !== 'number')
    throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream counted no tokens.');
  return { input_tokens: total };
}
