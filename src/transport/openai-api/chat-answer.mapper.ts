import type { Collected } from '../../core/combinators.js';
import type { Candidate, Part, UsageMetadata } from '../../core/gemini-wire.js';
import type { FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf, mergeChunks, partsOf } from '../../core/merge-chunks.js';
import { kindOf } from '../shared/part-kind.js';
import { Choice } from './answer-parts.js';
import { chatFinish, promptBlocked, refusalOf } from './finish.mapper.js';
import { toLogprobs } from './logprobs.mapper.js';
import { chatUsage } from './usage.mapper.js';

/** What every answer to one request shares. */
export interface AnswerContext {
  /** Id of the call. */
  readonly id: string;
  /** Seconds since the Unix epoch. */
  readonly createdS: number;
  /** Model that answers, as the gateway names it. */
  readonly model: string;
  /** Names a function call, and keeps what its next turn needs. */
  keepCall(part: Part): string;
  /** Keeps the signature of a text under the id of its message. */
  keepText(id: string, signature: string): void;
}

/**
 * A whole chat completion. Throws SAFETY_BLOCKED for a blocked prompt, EMPTY_RESPONSE and UPSTREAM_PROTOCOL for an
 * alternative that is none.
 */
export function chatCompletion(context: AnswerContext, { chunks, finish }: Collected): JsonObject {
  const response = mergeChunks(chunks);
  const candidates = candidatesOf(response);
  if (candidates.length === 0 && finish.verdict === 'blocked') throw promptBlocked(finish);
  const given = candidates.length === 0 ? [{}] : candidates;
  const tier = serviceTierOf(response.usageMetadata);
  return {
    id: `chatcmpl-${context.id}`,
    object: 'chat.completion',
    created: context.createdS,
    model: context.model,
    choices: given.map((candidate, place) => toChoice(context, candidate, candidate.index ?? place, finish)),
    usage: chatUsage(finish.usage),
    ...(tier === undefined ? {} : { service_tier: tier }),
  };
}

/** The tier that served the answer, in OpenAI's word. */
export function serviceTierOf(usage: UsageMetadata | undefined): string | undefined {
  const tier = usage?.['serviceTier'];
  return tier === 'standard' ? 'default' : typeof tier === 'string' ? tier : undefined;
}

/** A function call as chat completions have it; `extra_content` is where Google's own endpoint has the signature. */
export function toToolCall(part: Part, id: string): JsonObject {
  const { functionCall, thoughtSignature } = part;
  return {
    id,
    type: 'function',
    function: { name: functionCall?.name ?? '', arguments: JSON.stringify(functionCall?.args ?? {}) },
    ...(typeof thoughtSignature === 'string'
      ? { extra_content: { google: { thought_signature: thoughtSignature } } }
      : {}),
  };
}

function toChoice(
  context: AnswerContext,
  candidate: Candidate,
  index: number,
  finish: FinishEvent,
): JsonObject {
  const choice = new Choice(index);
  choice.take(candidate);
  let content = '';
  let thoughts = '';
  const calls: JsonObject[] = [];
  for (const part of partsOf(candidate)) {
    switch (kindOf(part)) {
      case 'text':
        content += part.text;
        choice.hasOutput = true;
        break;
      case 'thought':
        thoughts += part.text;
        break;
      case 'call':
        calls.push(toToolCall(part, context.keepCall(part)));
        choice.calls += 1;
        break;
      case 'other':
        choice.takeOther(part);
        break;
      case 'none':
    }
  }
  const ended = choice.ended(finish);
  const finishReason = chatFinish(ended, calls.length > 0, finish.usage);
  const extras = choice.extras(ended);
  const logprobs = toLogprobs(candidate['logprobsResult']);
  const silent = content === '' && finishReason !== 'length';
  return {
    index,
    message: {
      role: 'assistant',
      content: silent ? null : content,
      refusal: finishReason === 'content_filter' ? refusalOf(ended) : null,
      ...(thoughts === '' ? {} : { reasoning_content: thoughts }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
    logprobs: logprobs === undefined ? null : { content: logprobs, refusal: null },
    finish_reason: finishReason,
    ...(extras === undefined ? {} : { gateway: extras }),
  };
}
