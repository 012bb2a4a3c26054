import { randomUUID } from 'node:crypto';

import type { Candidate, GenerateContentResponse, UsageMetadata } from '../core/gemini-wire.js';

interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

interface Choice {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: string;
}

/** A chat completion's counts in OpenAI's shape. Completion tokens include reasoning, prompt tokens cached ones. */
export interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
}

const PIECE_CHARACTERS = 16;
const FINISH_REASONS: Readonly<Record<string, string>> = {
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
};

/** One answer in OpenAI's two shapes: whole, and as the chunks of a stream. */
export class Completion {
  readonly usage: ChatUsage;
  private readonly choices: readonly Choice[];
  private readonly head: { readonly id: string; readonly created: number; readonly model: string };

  constructor(model: string, createdSeconds: number, response: GenerateContentResponse) {
    this.head = { id: `chatcmpl-${randomUUID()}`, created: createdSeconds, model };
    this.choices = (response.candidates ?? []).map(choiceOf);
    this.usage = usageOf(response.usageMetadata ?? {});
  }

  whole(): object {
    return {
      ...this.head,
      object: 'chat.completion',
      choices: this.choices.map(({ text, toolCalls, finishReason }, index) => ({
        index,
        message: {
          role: 'assistant',
          content: toolCalls.length > 0 && text === '' ? null : text,
          refusal: null,
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finishReason,
      })),
      usage: this.usage,
    };
  }

  /** Role, pieces, finish of each choice, and at the end the counts where they were asked for. */
  chunks(includeUsage: boolean): object[] {
    const chunk = (choices: object[], usage: ChatUsage | null): object => ({
      ...this.head,
      object: 'chat.completion.chunk',
      choices,
      ...(includeUsage && { usage }),
    });
    const step = (index: number, delta: object, finishReason: string | null): object =>
      chunk([{ index, delta, logprobs: null, finish_reason: finishReason }], null);
    const chunks = this.choices.flatMap((choice, index) => [
      step(index, { role: 'assistant', content: '' }, null),
      ...deltasOf(choice).map((delta) => step(index, delta, null)),
      step(index, {}, choice.finishReason),
    ]);
    return includeUsage ? [...chunks, chunk([], this.usage)] : chunks;
  }
}

function choiceOf(candidate: Candidate): Choice {
  const parts = candidate.content?.parts ?? [];
  const toolCalls = parts.flatMap(({ functionCall }): ToolCall[] =>
    functionCall === undefined
      ? []
      : [
          {
            id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
            type: 'function',
            function: { name: functionCall.name ?? '', arguments: JSON.stringify(functionCall.args ?? {}) },
          },
        ],
  );
  return {
    text: parts.flatMap((part) => (part.thought === true ? [] : [part.text ?? ''])).join(''),
    toolCalls,
    finishReason:
      toolCalls.length > 0 ? 'tool_calls' : (FINISH_REASONS[candidate.finishReason ?? ''] ?? 'stop'),
  };
}

function deltasOf({ text, toolCalls }: Choice): object[] {
  return [
    ...piecesOf(text, PIECE_CHARACTERS).map((content) => ({ content })),
    ...toolCalls.flatMap(callDeltas),
  ];
}

/** The name first, then the arguments in pieces: at least two, however short they are. */
function callDeltas({ function: called, ...rest }: ToolCall, index: number): object[] {
  const half = Math.max(1, Math.floor(called.arguments.length / 2));
  return [
    { tool_calls: [{ index, ...rest, function: { name: called.name, arguments: '' } }] },
    ...piecesOf(called.arguments, Math.min(PIECE_CHARACTERS, half)).map((piece) => ({
      tool_calls: [{ index, function: { arguments: piece } }],
    })),
  ];
}

function piecesOf(text: string, characters: number): string[] {
  const count = Math.ceil(text.length / characters);
  return Array.from({ length: count }, (_, index) =>
    text.slice(index * characters, (index + 1) * characters),
  );
}

function usageOf(metadata: UsageMetadata): ChatUsage {
  const prompt = metadata.promptTokenCount ?? 0;
  const thoughts = metadata.thoughtsTokenCount ?? 0;
  const completion = (metadata.candidatesTokenCount ?? 0) + thoughts;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: metadata.cachedContentTokenCount ?? 0 },
    completion_tokens_details: { reasoning_tokens: thoughts },
  };
}
