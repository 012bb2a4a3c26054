import type { Part } from '../../core/gemini-wire.js';
import type { ChunkEvent, FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf, partsOf } from '../../core/merge-chunks.js';
import { NO_USAGE } from '../../core/usage.js';
import type { StreamFraming } from '../http/answer-stream.js';
import { kindOf } from '../shared/part-kind.js';
import { anthropicErrorBody } from './anthropic-api.surface.js';
import { stopOf } from './finish.mapper.js';
import { type AnswerContext, openMessage, toToolUse } from './message-answer.mapper.js';
import { MessageExtras } from './message-extras.js';
import { signatureFor } from './thinking-signature.js';
import { deltaUsage, serviceTierOf } from './usage.mapper.js';

/**
 * A streamed message: its start, each block with its pieces, the end with the tokens, then `message_stop`. A failure is
 * one event `error`, and nothing after it.
 */
export function messageFraming(context: AnswerContext): StreamFraming {
  const stream = new MessageStream(context);
  return {
    contentType: 'text/event-stream; charset=utf-8',
    opening: '',
    closing: frame('message_stop', {}),
    event: (event) => (event.type === 'chunk' ? stream.chunk(event) : stream.finish(event)),
    failure: (error) => frame('error', anthropicErrorBody(error, context.id)),
  };
}

/** A block that pieces are added to. */
type OpenBlock = 'text' | 'thinking';

class MessageStream {
  readonly #extras = new MessageExtras();
  #started = false;
  #blocks = 0;
  #open: OpenBlock | undefined;
  #hasCalls = false;
  #hasAnswer = false;

  constructor(private readonly context: AnswerContext) {}

  chunk({ value, usage }: ChunkEvent): string {
    let frames = this.#start(usage, serviceTierOf(value.usageMetadata));
    const [candidate] = candidatesOf(value);
    if (candidate === undefined) return frames;
    this.#hasAnswer = true;
    this.#extras.take(candidate);
    for (const part of partsOf(candidate)) frames += this.#part(part);
    return frames;
  }

  finish(event: FinishEvent): string {
    const ending = { hasCalls: this.#hasCalls, hasAnswer: this.#hasAnswer };
    const stop = stopOf(event, ending);
    const opening = this.#start(event.usage, null) + this.#close();
    const delta = { ...stop, container: null };
    const usage = deltaUsage(event.usage);
    return opening + frame('message_delta', { delta, usage, ...this.#extras.ended(event) });
  }

  #start(usage = NO_USAGE, tier: string | null): string {
    if (this.#started) return '';
    this.#started = true;
    return frame('message_start', { message: openMessage(this.context, [], usage, tier) });
  }

  #part(part: Part): string {
    switch (kindOf(part)) {
      case 'text':
        return (
          this.#into('text', { type: 'text', text: '', citations: null }, part) +
          this.#delta({ type: 'text_delta', text: part.text ?? '' })
        );
      case 'thought':
        return (
          this.#into('thinking', { type: 'thinking', thinking: '', signature: '' }, part) +
          this.#delta({ type: 'thinking_delta', thinking: part.text ?? '' })
        );
      case 'call':
        return this.#close(part) + this.#call(part);
      case 'other':
        this.#extras.takePart(part);
        return '';
      case 'none':
        return '';
    }
  }

  /** A call comes whole. */
  #call(part: Part): string {
    this.#hasCalls = true;
    const input = JSON.stringify(part.functionCall?.args ?? {});
    const start = this.#begin(toToolUse(part, this.context.keepCall(part), {}));
    return start + this.#delta({ type: 'input_json_delta', partial_json: input }) + this.#end();
  }

  /** Goes on with the open block where it is of that kind, or opens one. */
  #into(kind: OpenBlock, block: JsonObject, part: Part): string {
    if (this.#open === kind) return '';
    const frames = this.#close(part) + this.#begin(block);
    this.#open = kind;
    return frames;
  }

  /** Ends the open block; thinking gets its signature from the part behind it. */
  #close(next?: Part): string {
    if (this.#open === undefined) return '';
    const signature = this.#open === 'thinking' ? signatureFor(next) : '';
    this.#open = undefined;
    return (signature === '' ? '' : this.#delta({ type: 'signature_delta', signature })) + this.#end();
  }

  #begin(block: JsonObject): string {
    const index = this.#blocks;
    this.#blocks += 1;
    return frame('content_block_start', { index, content_block: block });
  }

  #delta(delta: JsonObject): string {
    return frame('content_block_delta', { index: this.#blocks - 1, delta });
  }

  #end(): string {
    return frame('content_block_stop', { index: this.#blocks - 1 });
  }
}

function frame(type: string, fields: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
