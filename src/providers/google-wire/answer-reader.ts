import { GatewayError } from '../../core/gateway-error.js';
import type { Candidate, GenerateContentResponse } from '../../core/gemini-wire.js';
import type { ChunkEvent, FinishEvent, Verdict } from '../../core/generation.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import { NO_USAGE, usageFrom, type Usage } from '../../core/usage.js';
import { parseObject } from '../http/json-object.js';
import type { AnswerDecoder } from '../http/sse-events.js';
import { errorObject, googleError } from './google-errors.js';

/**
 * Turns the JSON texts of one generation into events and, at the end, judges how it ended. Texts are kept as
 * they came. An error document among them throws.
 */
export class AnswerReader implements AnswerDecoder {
  #usage: Usage = NO_USAGE;
  #finishReason: string | undefined;
  #finishMessage: string | undefined;
  #blockReason: string | undefined;
  #modelVersion: string | undefined;
  /** Chunks before the first that says anything: an answer that has not begun can still fail over. */
  readonly #held: ChunkEvent[] = [];
  #begun = false;
  #hasContent = false;
  #hasOutput = false;

  decode(data: string): readonly ChunkEvent[] {
    // Google sends no terminator of this kind; what stands in for Google may.
    if (data === '[DONE]') return [];
    const chunk = this.chunk(data);
    if (this.#begun || this.#begins(chunk.value)) {
      this.#begun = true;
      return [...this.#held.splice(0), chunk];
    }
    this.#held.push(chunk);
    return [];
  }

  /** Google writes a bare error document into streams that break. */
  strayError(text: string): GatewayError {
    const error = errorObject(text);
    return error === undefined
      ? new GatewayError(
          'UPSTREAM_PROTOCOL',
          'The upstream wrote something into the stream that is no event.',
        )
      : googleError({ status: Number(error['code']) || 500, body: text });
  }

  /** Reads one response. Throws UPSTREAM_PROTOCOL for what is no response, or the error that it carries. */
  chunk(text: string): ChunkEvent {
    const value = parseObject(text);
    if (isJsonObject(value['error'])) {
      throw googleError({ status: Number(value['error']['code']) || 500, body: text });
    }
    const response = value as GenerateContentResponse & JsonObject;
    if (typeof response.modelVersion === 'string') this.#modelVersion = response.modelVersion;
    const block = response.promptFeedback?.blockReason;
    if (typeof block === 'string') {
      this.#blockReason = block;
      this.#finishMessage = response.promptFeedback?.blockReasonMessage;
    }
    const candidates: unknown = response.candidates;
    if (Array.isArray(candidates))
      for (const candidate of candidates) this.#candidate(candidate as Candidate);
    if (!isJsonObject(response.usageMetadata)) return { type: 'chunk', value: response, text };
    this.#usage = usageFrom(response.usageMetadata);
    return { type: 'chunk', value: response, text, usage: this.#usage };
  }

  /** Tokens as of the last chunk that counted them. */
  get usage(): Usage {
    return this.#usage;
  }

  /**
   * The end of the answer. Throws EMPTY_RESPONSE where there was nothing in it, and UPSTREAM_PROTOCOL where the
   * upstream stopped in mid-answer without a reason.
   */
  finish(): FinishEvent {
    const finishReason = this.#blockReason ?? this.#finishReason;
    if (finishReason === undefined) {
      throw this.#hasContent
        ? new GatewayError('UPSTREAM_PROTOCOL', 'The answer broke off: the upstream gave no finish reason.')
        : new GatewayError('EMPTY_RESPONSE', 'The model gave no answer.');
    }
    return {
      type: 'finish',
      verdict: this.#blockReason === undefined ? verdictOf(finishReason, this.#hasOutput) : 'blocked',
      finishReason,
      ...(typeof this.#finishMessage === 'string' ? { finishMessage: this.#finishMessage } : {}),
      usage: this.#usage,
      ...(this.#modelVersion === undefined ? {} : { modelVersion: this.#modelVersion }),
    };
  }

  #begins({ candidates }: GenerateContentResponse): boolean {
    const says = Array.isArray(candidates) && candidates.length > 0;
    return says || this.#blockReason !== undefined || this.#held.length === MAX_HELD_CHUNKS;
  }

  #candidate(candidate: Candidate | undefined): void {
    if (!isJsonObject(candidate)) return;
    const first = (candidate.index ?? 0) === 0;
    if (first && typeof candidate.finishReason === 'string') {
      this.#finishReason = candidate.finishReason;
      this.#finishMessage = candidate.finishMessage ?? this.#finishMessage;
    }
    const parts: unknown = candidate.content?.parts;
    if (!Array.isArray(parts)) return;
    for (const part of parts) {
      if (!isJsonObject(part)) continue;
      if (part['thought'] === true) this.#hasContent = true;
      else if (part['text'] !== '') this.#hasContent = this.#hasOutput = true;
    }
  }
}

const MAX_HELD_CHUNKS = 16;

const BLOCKED = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'MODEL_ARMOR',
]);
const MALFORMED = new Set([
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
]);

// Finish reasons are an open enum: an unknown one is as good as the content that came with it.
function verdictOf(finishReason: string, hasOutput: boolean): Verdict {
  if (BLOCKED.has(finishReason)) return 'blocked';
  if (MALFORMED.has(finishReason)) return 'malformed';
  if (finishReason === 'MAX_TOKENS' || finishReason === 'CONTINUATION') return 'truncated';
  return hasOutput ? 'ok' : 'empty';
}
