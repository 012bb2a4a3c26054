import type { ChunkEvent, FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf } from '../../core/merge-chunks.js';
import type { StreamFraming } from '../http/answer-stream.js';
import { type AnswerContext, serviceTierOf } from './chat-answer.mapper.js';
import { promptBlocked } from './finish.mapper.js';
import { openAiError } from './openai-api.surface.js';
import { begunResponse, endedResponse } from './response-answer.mapper.js';
import { ResponseOutput } from './response-output.js';
import type { ResponseWishes } from './responses-request.mapper.js';

/**
 * A streamed response: OpenAI's semantic events, numbered, with `response.completed` or `response.incomplete` last. A
 * failure is one event `error`, and nothing after it.
 */
export function responsesFraming(
  context: AnswerContext,
  body: JsonObject,
  wishes: ResponseWishes,
): StreamFraming {
  const stream = new ResponseStream(context, body, wishes);
  return {
    contentType: 'text/event-stream; charset=utf-8',
    opening: stream.opening(),
    closing: '',
    event: (event) => (event.type === 'chunk' ? stream.chunk(event) : stream.finish(event)),
    failure: (error) => {
      const { message, param, code, gateway } = openAiError(error, context.id);
      return stream.frame('error', { code, message, param, gateway });
    },
  };
}

class ResponseStream {
  readonly #begun: JsonObject;
  readonly #output: ResponseOutput;
  #frames = '';
  #sequence = 0;
  #tier: string | undefined;
  #answered = false;

  constructor(context: AnswerContext, body: JsonObject, wishes: ResponseWishes) {
    this.#begun = begunResponse(context, body);
    this.#output = new ResponseOutput(context, wishes, (type, fields) => {
      this.#frames += this.frame(`response.${type}`, fields);
    });
  }

  opening(): string {
    const response = this.#begun;
    return this.frame('response.created', { response }) + this.frame('response.in_progress', { response });
  }

  chunk({ value }: ChunkEvent): string {
    this.#tier = serviceTierOf(value.usageMetadata) ?? this.#tier;
    const candidate = candidatesOf(value).find(({ index }) => (index ?? 0) === 0);
    if (candidate === undefined) return '';
    this.#answered = true;
    this.#output.take(candidate);
    return this.#flushed();
  }

  finish(event: FinishEvent): string {
    if (!this.#answered && event.verdict === 'blocked') throw promptBlocked(event);
    const end = this.#output.finish(event);
    const response = endedResponse(this.#begun, this.#output, end, event, this.#tier);
    return this.#flushed() + this.frame(`response.${end.status}`, { response });
  }

  frame(type: string, fields: JsonObject): string {
    const data = JSON.stringify({ type, sequence_number: this.#sequence, ...fields });
    this.#sequence += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  }

  #flushed(): string {
    const frames = this.#frames;
    this.#frames = '';
    return frames;
  }
}
