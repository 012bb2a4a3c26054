import type { Collected } from '../../../../src/core/combinators.js';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { GenerateContentRequest, Part } from '../../../../src/core/gemini-wire.js';
import type { ChunkEvent, FinishEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import type { AnswerContext } from '../../../../src/transport/anthropic-api/message-answer.mapper.js';
import { toGeminiRequest } from '../../../../src/transport/anthropic-api/message-request.mapper.js';
import type { AskedModel } from '../../../../src/transport/shared/asked-models.js';
import { finishFixture } from '../../../helpers/calls.js';

/** A model that may answer, with what its configuration says unless told otherwise. */
export function asked(id: string, traits: Partial<AskedModel> = {}): AskedModel {
  return { id, thinkingLevels: [], thinkingBudget: true, ...traits };
}

const FLASH = asked('gemini-3.8-flash', { thinkingLevels: ['LOW', 'MEDIUM', 'HIGH'] });

/** The request that a message of one question becomes, with more fields. */
export function messageRequest(
  fields: JsonObject = {},
  models = [FLASH],
): GenerateContentRequest & JsonObject {
  const body = { model: 'gemini-3.8-flash', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
  return toGeminiRequest({ ...body, ...fields }, models).request;
}

/** A refusal: the field at fault, and what the caller reads. */
export interface Refusal {
  readonly field: string | undefined;
  readonly message: string;
}

/** The refusal of something that must be refused. */
export function refusalOf(make: () => unknown): Refusal {
  try {
    make();
  } catch (thrown) {
    if (thrown instanceof GatewayError && thrown.reason === 'INVALID_REQUEST')
      return { field: thrown.metadata.field, message: thrown.message };
    throw thrown;
  }
  throw new Error('nothing was refused');
}

/** A context that names calls `call_1`, `call_2`, … and remembers what it was given to keep. */
export interface ContextFixture extends AnswerContext {
  readonly keptCalls: Part[];
}

/** A context of an answer. */
export function contextFixture(): ContextFixture {
  const keptCalls: Part[] = [];
  return {
    id: 'r-1',
    model: 'gemini-3.8-flash',
    keptCalls,
    keepCall: (part) => `call_${keptCalls.push(part)}`,
  };
}

/** A piece of an answer with these parts. */
export function chunkOf(
  parts: readonly Part[],
  candidate: JsonObject = {},
  more: JsonObject = {},
): ChunkEvent {
  return {
    type: 'chunk',
    value: { candidates: [{ content: { role: 'model', parts: [...parts] }, ...candidate }], ...more },
  };
}

/** A whole answer with these parts. */
export function collectedOf(
  parts: readonly Part[],
  finish: Partial<FinishEvent> = {},
  candidate: JsonObject = {},
): Collected {
  return { chunks: [chunkOf(parts, candidate)], finish: finishFixture(finish) };
}

/** Server-sent events as `[event, data]`. Lines end with line feeds alone, whatever else is in a text. */
export function sse(text: string): [event: string, data: JsonObject][] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const fields = new Map(
        block.split('\n').map((line) => {
          const at = line.indexOf(': ');
          return [line.slice(0, at), line.slice(at + 2)];
        }),
      );
      return [fields.get('event') ?? '', JSON.parse(fields.get('data') ?? '') as JsonObject];
    });
}
