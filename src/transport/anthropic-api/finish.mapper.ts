import { GatewayError } from '../../core/gateway-error.js';
import type { FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';

/** Why an answer stopped, in Anthropic's words. */
export type StopReason = 'end_turn' | 'max_tokens' | 'tool_use' | 'refusal';

/** What an answer has come to when it ends. */
export interface Ending {
  readonly hasCalls: boolean;
  /** Whether there was an answer at all; without one, it was the prompt that was blocked. */
  readonly hasAnswer: boolean;
}

/**
 * The fields of a message that say how it ended. A `stop_sequence` is never told: Google does not say which end it was.
 * Throws EMPTY_RESPONSE for an answer with nothing in it and UPSTREAM_PROTOCOL for a malformed one: neither is an
 * `end_turn`.
 */
export function stopOf(finish: FinishEvent, ending: Ending): JsonObject {
  const reason = stopReason(finish, ending);
  return {
    stop_reason: reason,
    stop_sequence: null,
    stop_details: reason === 'refusal' ? refusalOf(finish, ending) : null,
  };
}

function stopReason(finish: FinishEvent, { hasCalls }: Ending): StopReason {
  const options = { metadata: { upstreamReason: finish.finishReason }, usage: finish.usage };
  switch (finish.verdict) {
    case 'ok':
      return hasCalls ? 'tool_use' : 'end_turn';
    case 'truncated':
      return 'max_tokens';
    case 'blocked':
      return 'refusal';
    case 'empty':
      throw new GatewayError('EMPTY_RESPONSE', `The model gave no answer: ${told(finish)}`, options);
    case 'malformed':
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        `The model's answer was malformed: ${told(finish)}`,
        options,
      );
  }
}

/** Anthropic's categories are its own: Google's reason is in the explanation. */
function refusalOf(finish: FinishEvent, { hasAnswer }: Ending): JsonObject {
  const what = hasAnswer ? 'answer' : 'prompt';
  return { type: 'refusal', category: null, explanation: `Google blocked the ${what}: ${told(finish)}` };
}

function told({ finishReason, finishMessage }: FinishEvent): string {
  return finishMessage === undefined ? `${finishReason}.` : `${finishReason}. ${finishMessage}`;
}
