import { GatewayError } from '../../core/gateway-error.js';
import type { FinishEvent, Verdict } from '../../core/generation.js';

/** How an alternative ended, in OpenAI's words. */
export type ChatFinish = 'stop' | 'length' | 'content_filter' | 'tool_calls';

/**
 * Google's reasons for the alternatives beside the first, which nobody else has judged. They are an open enum: an
 * unknown one is as good as the content that came with it.
 */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  STOP: 'ok',
  MAX_TOKENS: 'truncated',
  CONTINUATION: 'truncated',
  SAFETY: 'blocked',
  RECITATION: 'blocked',
  LANGUAGE: 'blocked',
  BLOCKLIST: 'blocked',
  PROHIBITED_CONTENT: 'blocked',
  SPII: 'blocked',
  IMAGE_SAFETY: 'blocked',
  IMAGE_PROHIBITED_CONTENT: 'blocked',
  IMAGE_RECITATION: 'blocked',
  MODEL_ARMOR: 'blocked',
  MALFORMED_FUNCTION_CALL: 'malformed',
  MALFORMED_RESPONSE: 'malformed',
  UNEXPECTED_TOOL_CALL: 'malformed',
  TOO_MANY_TOOL_CALLS: 'malformed',
};

/** What an alternative has come to. */
export interface Ended {
  readonly verdict: Verdict;
  /** Google's finish or block reason. */
  readonly reason: string;
  readonly message: string | undefined;
}

/** How the first alternative ended: what the request path made of it. */
export function firstEnded({ verdict, finishReason, finishMessage }: FinishEvent): Ended {
  return { verdict, reason: finishReason, message: finishMessage };
}

/** How another alternative ended, by Google's reason and by whether there is anything in it beside thoughts. */
export function otherEnded(reason: string, message: string | undefined, hasOutput: boolean): Ended {
  const verdict = Object.hasOwn(VERDICTS, reason) ? (VERDICTS[reason] ?? 'ok') : 'ok';
  return { verdict: verdict === 'ok' && !hasOutput ? 'empty' : verdict, reason, message };
}

/**
 * The finish of an alternative. Throws EMPTY_RESPONSE for one with nothing in it, and UPSTREAM_PROTOCOL for a
 * malformed one: neither is a `stop`.
 */
export function chatFinish(
  { verdict, reason, message }: Ended,
  hasCalls: boolean,
  usage: FinishEvent['usage'],
): ChatFinish {
  const options = { metadata: { upstreamReason: reason }, usage };
  switch (verdict) {
    case 'ok':
      return hasCalls ? 'tool_calls' : 'stop';
    case 'truncated':
      return 'length';
    case 'blocked':
      return 'content_filter';
    case 'empty':
      throw new GatewayError('EMPTY_RESPONSE', `The model gave no answer: ${told(reason, message)}`, options);
    case 'malformed':
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        `The model's answer was malformed: ${told(reason, message)}`,
        options,
      );
  }
}

/** What the answer says where it was blocked. */
export function refusalOf({ reason, message }: Pick<Ended, 'reason' | 'message'>): string {
  return `Google blocked the answer: ${told(reason, message)}`;
}

/** SAFETY_BLOCKED for a prompt that was blocked before there was an answer. */
export function promptBlocked({ finishReason, finishMessage, usage }: FinishEvent): GatewayError {
  return new GatewayError(
    'SAFETY_BLOCKED',
    `Google blocked the prompt: ${told(finishReason, finishMessage)}`,
    { metadata: { upstreamReason: finishReason }, usage },
  );
}

function told(reason: string, message: string | undefined): string {
  return message === undefined ? `${reason}.` : `${reason}. ${message}`;
}
