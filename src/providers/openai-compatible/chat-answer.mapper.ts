import { GatewayError } from '../../core/gateway-error.js';
import type { Candidate, GenerateContentResponse, Part, UsageMetadata } from '../../core/gemini-wire.js';
import type { ChunkEvent, FinishEvent, Verdict } from '../../core/generation.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { NO_USAGE, type Usage, usageFrom } from '../../core/usage.js';
import { parseObject } from '../http/json-object.js';
import type { AnswerDecoder } from '../http/sse-events.js';
import { openAiError } from './openai-errors.js';
import { ToolCalls } from './tool-calls.js';

const DONE = '[DONE]';

type FinishReason = 'STOP' | 'MAX_TOKENS' | 'SAFETY' | 'MALFORMED_FUNCTION_CALL' | 'OTHER';

const FINISH_REASONS: ReadonlyMap<JsonValue | undefined, FinishReason> = new Map([
  ['stop', 'STOP'],
  ['tool_calls', 'STOP'],
  ['function_call', 'STOP'],
  ['length', 'MAX_TOKENS'],
  ['content_filter', 'SAFETY'],
]);

/** One of the alternatives under way. */
interface Choice {
  readonly calls: ToolCalls;
  refusal: string;
  hasOutput: boolean;
  finishReason?: FinishReason;
  finishMessage?: string;
}

/**
 * Chunks in Gemini's shape from a chat completion, whole or in pieces. A tool call becomes one part once it is
 * complete, as Gemini sends it; a refusal is an answer blocked for SAFETY. Reasoning texts are left out.
 */
export class ChatAnswer implements AnswerDecoder {
  #usage: Usage = NO_USAGE;
  #model: string | undefined;
  readonly #choices = new Map<number, Choice>();

  get usage(): Usage {
    return this.#usage;
  }

  decode(data: string): readonly ChunkEvent[] {
    if (data.trim() === DONE) return [];
    const message = parseObject(data);
    if (message['error'] !== undefined && message['error'] !== null) throw openAiError({ body: data });
    if (typeof message['model'] === 'string') this.#model = message['model'];
    const candidates = objects(message['choices']).flatMap((choice) => this.#candidate(choice));
    const usageMetadata = isJsonObject(message['usage']) ? toUsageMetadata(message['usage']) : undefined;
    if (usageMetadata !== undefined) this.#usage = usageFrom(usageMetadata);
    if (candidates.length === 0 && usageMetadata === undefined) return [];
    const value: GenerateContentResponse = {
      ...(candidates.length === 0 ? {} : { candidates }),
      ...(usageMetadata === undefined ? {} : { usageMetadata }),
      ...(this.#model === undefined ? {} : { modelVersion: this.#model }),
      ...(typeof message['id'] === 'string' ? { responseId: message['id'] } : {}),
    };
    return [{ type: 'chunk', value, ...(usageMetadata === undefined ? {} : { usage: this.#usage }) }];
  }

  finish(): FinishEvent {
    const first = this.#choices.get(0);
    if (first?.finishReason === undefined) {
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        'The answer broke off: the upstream gave no finish reason.',
        {
          usage: this.#usage,
        },
      );
    }
    return {
      type: 'finish',
      verdict: verdictOf(first.finishReason, first.hasOutput),
      finishReason: first.finishReason,
      ...(first.finishMessage === undefined ? {} : { finishMessage: first.finishMessage }),
      usage: this.#usage,
      ...(this.#model === undefined ? {} : { modelVersion: this.#model }),
    };
  }

  strayError(text: string): GatewayError {
    return openAiError({ body: text });
  }

  #candidate(received: JsonObject): Candidate[] {
    const index = typeof received['index'] === 'number' ? received['index'] : 0;
    const choice = this.#choices.get(index) ?? { calls: new ToolCalls(), refusal: '', hasOutput: false };
    this.#choices.set(index, choice);
    const said = received['delta'] ?? received['message'];
    const parts = isJsonObject(said) ? take(choice, said) : [];
    const finished = typeof received['finish_reason'] === 'string';
    if (finished) parts.push(...end(choice, received['finish_reason']));
    if (parts.length === 0 && !finished) return [];
    choice.hasOutput ||= parts.length > 0;
    return [
      {
        index,
        ...(parts.length === 0 ? {} : { content: { role: 'model', parts } }),
        ...(finished && choice.finishReason !== undefined ? { finishReason: choice.finishReason } : {}),
        ...(finished && choice.finishMessage !== undefined ? { finishMessage: choice.finishMessage } : {}),
      },
    ];
  }
}

/** Takes what a choice said; texts are parts at once, tool calls wait until they are complete. */
function take(choice: Choice, said: JsonObject): Part[] {
  choice.calls.take(objects(said['tool_calls']));
  if (typeof said['refusal'] === 'string') choice.refusal += said['refusal'];
  const { content } = said;
  return typeof content === 'string' && content !== '' ? [{ text: content }] : [];
}

/** Ends a choice and gives the parts that waited for its end. */
function end(choice: Choice, reason: JsonValue | undefined): Part[] {
  const { parts, malformed } = choice.calls.complete();
  choice.finishReason = FINISH_REASONS.get(reason) ?? 'OTHER';
  if (choice.refusal !== '') {
    choice.finishReason = 'SAFETY';
    choice.finishMessage = choice.refusal;
  } else if (malformed !== undefined && choice.finishReason === 'STOP') {
    choice.finishReason = 'MALFORMED_FUNCTION_CALL';
    choice.finishMessage = `The arguments of the call of ${malformed} are no JSON object.`;
  }
  return parts;
}

function verdictOf(finishReason: FinishReason, hasOutput: boolean): Verdict {
  switch (finishReason) {
    case 'STOP':
    case 'OTHER':
      return hasOutput ? 'ok' : 'empty';
    case 'MAX_TOKENS':
      return 'truncated';
    case 'SAFETY':
      return 'blocked';
    case 'MALFORMED_FUNCTION_CALL':
      return 'malformed';
  }
}

/** Completion tokens include reasoning there, and prompt tokens the cached ones. */
function toUsageMetadata(usage: JsonObject): UsageMetadata {
  const prompt = count(usage['prompt_tokens']);
  const completion = count(usage['completion_tokens']);
  const thoughts = detail(usage['completion_tokens_details'], 'reasoning_tokens');
  const cached = detail(usage['prompt_tokens_details'], 'cached_tokens');
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: Math.max(0, completion - thoughts),
    totalTokenCount: prompt + Math.max(completion, thoughts),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    ...(cached === 0 ? {} : { cachedContentTokenCount: cached }),
  };
}

function detail(details: JsonValue | undefined, name: string): number {
  return isJsonObject(details) ? count(details[name]) : 0;
}

function count(value: JsonValue | undefined): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
