import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { GenerateContentRequest, Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import type { Collected } from '../../../../src/core/combinators.js';
import type { AskedModel } from '../../../../src/transport/shared/asked-models.js';
import type { AnswerContext } from '../../../../src/transport/openai-api/chat-answer.mapper.js';
import { toGeminiRequest } from '../../../../src/transport/openai-api/chat-request.mapper.js';
import { toGeminiRequest as responseRequest } from '../../../../src/transport/openai-api/responses-request.mapper.js';
import { finishFixture } from '../../../helpers/calls.js';

/** A model that may answer, with what its configuration says unless told otherwise. */
export function asked(id: string, traits: Partial<AskedModel> = {}): AskedModel {
  return { id, thinkingLevels: [], thinkingBudget: true, ...traits };
}

const FLASH = asked('gemini-3.8-flash', { thinkingLevels: ['LOW', 'MEDIUM', 'HIGH'] });

/** The request that a chat of one question becomes, with more fields. */
export function chatRequest(fields: JsonObject = {}, models = [FLASH]): GenerateContentRequest & JsonObject {
  return toGeminiRequest(
    { model: 'gemini-3.8-flash', messages: [{ role: 'user', content: 'hi' }], ...fields },
    models,
  ).request;
}

/** The same for a response. */
export function responseOf(fields: JsonObject = {}, models = [FLASH]): GenerateContentRequest & JsonObject {
  return responseRequest({ model: 'gemini-3.8-flash', input: 'hi', ...fields }, models).request;
}

/** A refusal, as the surface would tell it. */
export interface Refusal {
  readonly param: string | undefined;
  readonly code: unknown;
  readonly message: string;
}

/** The refusal of something that must be refused. */
export function refusalOf(make: () => unknown): Refusal {
  try {
    make();
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.reason === 'INVALID_REQUEST') {
      const { field, code } = thrown.metadata;
      return { param: field, code, message: thrown.message };
    }
    throw thrown;
  }
  throw new Error('nothing was refused');
}

/** A context that names calls `call_1`, `call_2`, … and remembers what it was given to keep. */
export interface ContextFixture extends AnswerContext {
  readonly keptCalls: Part[];
  readonly keptTexts: [id: string, signature: string][];
}

/** A context of an answer. */
export function contextFixture(): ContextFixture {
  const keptCalls: Part[] = [];
  const keptTexts: [string, string][] = [];
  return {
    id: 'r-1',
    createdS: 1_700_000_000,
    model: 'gemini-3.8-flash',
    keptCalls,
    keptTexts,
    keepCall: (part) => `call_${keptCalls.push(part)}`,
    keepText: (id, signature) => void keptTexts.push([id, signature]),
  };
}

/** A whole answer of one candidate with these parts. */
export function collectedOf(
  parts: readonly Part[],
  finish: Partial<FinishEvent> = {},
  candidate: JsonObject = {},
): Collected {
  const value = {
    candidates: [{ content: { role: 'model', parts: [...parts] }, finishReason: 'STOP', ...candidate }],
  };
  return { chunks: [{ type: 'chunk', value }], finish: finishFixture(finish) };
}

/** Server-sent events as `[event, data]`; `[DONE]` stays a text. */
export function sse(text: string): [event: string, data: JsonObject | string][] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const event = /^event: (.*)$/m.exec(block)?.[1] ?? '';
      const data = /^data: (.*)$/m.exec(block)?.[1] ?? '';
      return [event, data === '[DONE]' ? data : (JSON.parse(data) as JsonObject)];
    });
}
