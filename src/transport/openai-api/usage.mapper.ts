import type { JsonObject } from '../../core/json.js';
import type { Usage } from '../../core/usage.js';

/**
 * Tokens as chat completions count them: thoughts are completion tokens, what the model's own tools read are prompt
 * tokens, and the two make the total.
 */
export function chatUsage({ inputTokens, cachedTokens, toolUseTokens, ...usage }: Usage): JsonObject {
  const { outputTokens, thoughtsTokens, byModality } = usage;
  const prompt = inputTokens + toolUseTokens;
  const completion = outputTokens + thoughtsTokens;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: byModality?.input?.['AUDIO'] ?? 0 },
    completion_tokens_details: {
      reasoning_tokens: thoughtsTokens,
      audio_tokens: byModality?.output?.['AUDIO'] ?? 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** The same in the words of responses. */
export function responseUsage(usage: Usage): JsonObject {
  const input = usage.inputTokens + usage.toolUseTokens;
  const output = usage.outputTokens + usage.thoughtsTokens;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.thoughtsTokens },
    total_tokens: input + output,
  };
}
