import type { Candidate, Part } from '../../core/gemini-wire.js';
import type { ChunkEvent, FinishEvent } from '../../core/generation.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf, partsOf } from '../../core/merge-chunks.js';
import type { StreamFraming } from '../http/answer-stream.js';
import { kindOf } from '../shared/part-kind.js';
import { Choice } from './answer-parts.js';
import { type AnswerContext, serviceTierOf, toToolCall } from './chat-answer.mapper.js';
import { chatFinish, promptBlocked, refusalOf } from './finish.mapper.js';
import { toLogprobs } from './logprobs.mapper.js';
import { openAiErrorBody } from './openai-api.surface.js';
import { chatUsage } from './usage.mapper.js';

const DONE = 'data: [DONE]\n\n';

/**
 * A streamed chat completion: a chunk for each piece of text, each thought and each whole call, one with the finish
 * of each alternative, one with the tokens where asked for, then `[DONE]`. A failure is one event with the error, and
 * nothing after it.
 */
export function chatFraming(
  context: AnswerContext,
  { includeUsage }: { includeUsage: boolean },
): StreamFraming {
  const stream = new ChatStream(context, includeUsage);
  return {
    contentType: 'text/event-stream; charset=utf-8',
    opening: '',
    closing: DONE,
    event: (event) => (event.type === 'chunk' ? stream.chunk(event) : stream.finish(event)),
    failure: (error) => `data: ${JSON.stringify(openAiErrorBody(error, context.id))}\n\n`,
  };
}

/** Writes frames from texts that are made once: of each chunk only what it says is new. */
class ChatStream {
  readonly #choices: Choice[] = [];
  readonly #begun = new Set<number>();
  readonly #head: string;
  readonly #tail: string;
  #tier: string | undefined;

  constructor(
    private readonly context: AnswerContext,
    private readonly includeUsage: boolean,
  ) {
    const { id, createdS, model } = context;
    const shared = JSON.stringify({
      id: `chatcmpl-${id}`,
      object: 'chat.completion.chunk',
      created: createdS,
      model,
    });
    this.#head = `data: ${shared.slice(0, -1)},"choices":[`;
    this.#tail = includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  }

  chunk({ value }: ChunkEvent): string {
    this.#tier = serviceTierOf(value.usageMetadata) ?? this.#tier;
    let frames = '';
    for (const candidate of candidatesOf(value)) frames += this.#candidate(candidate);
    return frames;
  }

  finish(event: FinishEvent): string {
    if (this.#choices.length === 0 && event.verdict === 'blocked') throw promptBlocked(event);
    if (this.#choices.length === 0) this.#choices.push(new Choice(0));
    let frames = '';
    for (const choice of this.#choices) frames += this.#finishChoice(choice, event);
    if (!this.includeUsage) return frames;
    const usage = JSON.stringify(chatUsage(event.usage));
    const tier = this.#tier === undefined ? '' : `,"service_tier":${JSON.stringify(this.#tier)}`;
    return `${frames}${this.#head}],"usage":${usage}${tier}}\n\n`;
  }

  #candidate(candidate: Candidate): string {
    const choice = this.#choiceOf(candidate.index ?? 0);
    choice.take(candidate);
    let logprobs = logprobsText(candidate);
    let frames = '';
    for (const part of partsOf(candidate)) {
      const delta = this.#delta(choice, part);
      if (delta === '') continue;
      frames += this.#frame(choice, delta, logprobs, 'null');
      logprobs = 'null';
    }
    // They may come with a piece that says nothing else.
    return logprobs === 'null' ? frames : frames + this.#frame(choice, '', logprobs, 'null');
  }

  /** What a part adds, as the inside of a JSON object; empty for what OpenAI's shape has no place for. */
  #delta(choice: Choice, part: Part): string {
    switch (kindOf(part)) {
      case 'text':
        choice.hasOutput = true;
        return `"content":${JSON.stringify(part.text)}`;
      case 'thought':
        return `"reasoning_content":${JSON.stringify(part.text)}`;
      case 'call': {
        const call = { index: choice.calls, ...toToolCall(part, this.context.keepCall(part)) };
        choice.calls += 1;
        return `"tool_calls":[${JSON.stringify(call)}]`;
      }
      case 'other':
        choice.takeOther(part);
        return '';
      case 'none':
        return '';
    }
  }

  #finishChoice(choice: Choice, event: FinishEvent): string {
    const ended = choice.ended(event);
    const reason = chatFinish(ended, choice.calls > 0, event.usage);
    const delta = reason === 'content_filter' ? `"refusal":${JSON.stringify(refusalOf(ended))}` : '';
    return this.#frame(choice, delta, 'null', `"${reason}"`, choice.extras(ended));
  }

  #frame(choice: Choice, delta: string, logprobs: string, finish: string, extras?: JsonObject): string {
    const role = this.#begun.has(choice.index) ? '' : delta === '' ? ROLE : `${ROLE},`;
    if (role !== '') this.#begun.add(choice.index);
    const gateway = extras === undefined ? '' : `,"gateway":${JSON.stringify(extras)}`;
    return (
      `${this.#head}{"index":${choice.index},"delta":{${role}${delta}},` +
      `"logprobs":${logprobs},"finish_reason":${finish}${gateway}}${this.#tail}`
    );
  }

  #choiceOf(index: number): Choice {
    let choice = this.#choices.find((one) => one.index === index);
    if (choice === undefined) {
      choice = new Choice(index);
      this.#choices.push(choice);
    }
    return choice;
  }
}

const ROLE = '"role":"assistant"';

function logprobsText(candidate: Candidate): string {
  const logprobs = toLogprobs(candidate['logprobsResult']);
  return logprobs === undefined ? 'null' : JSON.stringify({ content: logprobs, refusal: null });
}
