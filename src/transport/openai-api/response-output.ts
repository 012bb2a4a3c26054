import { randomUUID } from 'node:crypto';
import type { Candidate, Part } from '../../core/gemini-wire.js';
import type { FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { partsOf } from '../../core/merge-chunks.js';
import { kindOf } from '../shared/part-kind.js';
import { Choice } from './answer-parts.js';
import type { AnswerContext } from './chat-answer.mapper.js';
import { chatFinish, type Ended, refusalOf } from './finish.mapper.js';
import { toLogprobs } from './logprobs.mapper.js';
import type { ResponseWishes } from './responses-request.mapper.js';

/** Takes the semantic events of an answer as they happen; `type` without `response.`. */
export type Emit = (type: string, fields: JsonObject) => void;

/** How a response ended. */
export interface ResponseEnd {
  readonly status: 'completed' | 'incomplete';
  /** Why it is incomplete. */
  readonly reason?: 'max_output_tokens' | 'content_filter';
  readonly extras: JsonObject | undefined;
}

/** A message or a reasoning item that may go on. */
interface OpenItem {
  readonly kind: 'message' | 'reasoning';
  readonly id: string;
  text: string;
  readonly logprobs: JsonObject[];
}

/** Builds the output items of a response, part by part, and tells each step. */
export class ResponseOutput {
  /** Items that are complete. */
  readonly items: JsonObject[] = [];
  readonly #choice = new Choice(0);
  #open: OpenItem | undefined;

  constructor(
    private readonly context: AnswerContext,
    private readonly wishes: ResponseWishes,
    private readonly emit: Emit,
  ) {}

  /** Takes a candidate, or a piece of one. */
  take(candidate: Candidate): void {
    this.#choice.take(candidate);
    let logprobs = toLogprobs(candidate['logprobsResult']);
    for (const part of partsOf(candidate)) {
      this.#part(part, logprobs);
      if (kindOf(part) === 'text') logprobs = undefined;
    }
  }

  /** Ends the last item. Throws EMPTY_RESPONSE and UPSTREAM_PROTOCOL as `chatFinish` does. */
  finish(event: FinishEvent): ResponseEnd {
    const ended = this.#choice.ended(event);
    // Calls are items here, and no way to end.
    const finish = chatFinish(ended, false, event.usage);
    const cut = finish === 'length' || finish === 'content_filter';
    this.#close(cut ? 'incomplete' : 'completed', finish === 'content_filter' ? ended : undefined);
    const extras = this.#choice.extras(ended);
    switch (finish) {
      case 'stop':
      case 'tool_calls':
        return { status: 'completed', extras };
      case 'length':
        return { status: 'incomplete', reason: 'max_output_tokens', extras };
      case 'content_filter':
        return { status: 'incomplete', reason: 'content_filter', extras };
    }
  }

  #part(part: Part, logprobs: JsonObject[] | undefined): void {
    switch (kindOf(part)) {
      case 'text': {
        const message = this.#opened('message');
        this.#say(message, part.text ?? '', logprobs);
        this.#keep(message, part);
        return;
      }
      case 'thought':
        this.#think(this.#opened('reasoning'), part.text ?? '');
        return;
      case 'call':
        this.#call(part);
        return;
      case 'other':
        this.#choice.takeOther(part);
        return;
      case 'none':
        if (this.#open?.kind === 'message') this.#keep(this.#open, part);
    }
  }

  #keep({ id }: OpenItem, { thoughtSignature }: Part): void {
    if (typeof thoughtSignature === 'string') this.context.keepText(id, thoughtSignature);
  }

  #say(message: OpenItem, delta: string, logprobs: JsonObject[] = []): void {
    message.text += delta;
    message.logprobs.push(...logprobs);
    this.emit('output_text.delta', { ...this.#contentPlace(message, 0), delta, logprobs });
  }

  #think(reasoning: OpenItem, delta: string): void {
    reasoning.text += delta;
    this.emit('reasoning_summary_text.delta', { ...this.#summaryPlace(reasoning), delta });
  }

  #call(part: Part): void {
    const { functionCall, thoughtSignature } = part;
    const sealed =
      this.wishes.sealedReasoning && typeof thoughtSignature === 'string' ? thoughtSignature : undefined;
    if (sealed === undefined) this.#close('completed');
    else this.#closeSealed(sealed);
    const callId = this.context.keepCall(part);
    const args = JSON.stringify(functionCall?.args ?? {});
    const call = { id: newId('fc'), type: 'function_call', call_id: callId, name: functionCall?.name ?? '' };
    const place = { item_id: call.id, output_index: this.items.length };
    this.emit('output_item.added', {
      output_index: this.items.length,
      item: { ...call, arguments: '', status: 'in_progress' },
    });
    this.emit('function_call_arguments.delta', { ...place, delta: args });
    this.emit('function_call_arguments.done', { ...place, name: call.name, arguments: args });
    this.#done({ ...call, arguments: args, status: 'completed' });
  }

  /** The open item of that kind; a new one where the last is of another. */
  #opened(kind: OpenItem['kind']): OpenItem {
    if (this.#open?.kind === kind) return this.#open;
    this.#close('completed');
    const item: OpenItem = { kind, id: newId(kind === 'message' ? 'msg' : 'rs'), text: '', logprobs: [] };
    this.#open = item;
    const { id } = item;
    const output_index = this.items.length;
    if (kind === 'message') {
      this.emit('output_item.added', {
        output_index,
        item: { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] },
      });
      this.emit('content_part.added', { ...this.#contentPlace(item, 0), part: outputText('', []) });
    } else {
      this.emit('output_item.added', { output_index, item: { id, type: 'reasoning', summary: [] } });
      this.emit('reasoning_summary_part.added', { ...this.#summaryPlace(item), part: summaryText('') });
    }
    return item;
  }

  /** Ends the open item, with a refusal in it, or a message of its own, where the answer was blocked. */
  #close(status: 'completed' | 'incomplete', blocked?: Ended): void {
    if (blocked !== undefined && this.#open?.kind !== 'message') this.#refuseAlone(blocked);
    else if (this.#open?.kind === 'message') this.#closeMessage(this.#open, status, blocked);
    else if (this.#open !== undefined) this.#closeReasoning(this.#open);
  }

  #closeMessage(message: OpenItem, status: string, blocked: Ended | undefined): void {
    const { id, text, logprobs } = message;
    const place = this.#contentPlace(message, 0);
    const part = outputText(text, logprobs);
    this.emit('output_text.done', { ...place, text, logprobs });
    this.emit('content_part.done', { ...place, part });
    const content = [part];
    if (blocked !== undefined) content.push(this.#refused(id, 1, blocked));
    this.#done({ id, type: 'message', status, role: 'assistant', content });
  }

  #refuseAlone(blocked: Ended): void {
    if (this.#open !== undefined) this.#closeReasoning(this.#open);
    const head = { id: newId('msg'), type: 'message', role: 'assistant' };
    this.emit('output_item.added', {
      output_index: this.items.length,
      item: { ...head, status: 'in_progress', content: [] },
    });
    const content = [this.#refused(head.id, 0, blocked)];
    this.#done({ ...head, status: 'incomplete', content });
  }

  #refused(item_id: string, content_index: number, blocked: Ended): JsonObject {
    const place = { item_id, output_index: this.items.length, content_index };
    const refusal = refusalOf(blocked);
    const part = { type: 'refusal', refusal };
    this.emit('content_part.added', { ...place, part: { type: 'refusal', refusal: '' } });
    this.emit('refusal.delta', { ...place, delta: refusal });
    this.emit('refusal.done', { ...place, refusal });
    this.emit('content_part.done', { ...place, part });
    return part;
  }

  #closeReasoning(reasoning: OpenItem, sealed?: string): void {
    const { id, text } = reasoning;
    const place = this.#summaryPlace(reasoning);
    const part = summaryText(text);
    this.emit('reasoning_summary_text.done', { ...place, text });
    this.emit('reasoning_summary_part.done', { ...place, part });
    this.#done({
      id,
      type: 'reasoning',
      summary: [part],
      ...(sealed === undefined ? {} : { encrypted_content: sealed }),
    });
  }

  /** A signature stands in the reasoning before its call; in one without words where there are no thoughts. */
  #closeSealed(sealed: string): void {
    if (this.#open?.kind === 'reasoning') {
      this.#closeReasoning(this.#open, sealed);
      return;
    }
    this.#close('completed');
    const item = { id: newId('rs'), type: 'reasoning', summary: [], encrypted_content: sealed };
    this.emit('output_item.added', { output_index: this.items.length, item });
    this.#done(item);
  }

  #done(item: JsonObject): void {
    this.emit('output_item.done', { output_index: this.items.length, item });
    this.items.push(item);
    this.#open = undefined;
  }

  #contentPlace({ id }: OpenItem, content_index: number): JsonObject {
    return { item_id: id, output_index: this.items.length, content_index };
  }

  #summaryPlace({ id }: OpenItem): JsonObject {
    return { item_id: id, output_index: this.items.length, summary_index: 0 };
  }
}

function outputText(text: string, logprobs: JsonObject[]): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs };
}

function summaryText(text: string): JsonObject {
  return { type: 'summary_text', text };
}

function newId(prefix: string): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}
