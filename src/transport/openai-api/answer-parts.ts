import type { Candidate, Part } from '../../core/gemini-wire.js';
import type { FinishEvent } from '../../core/generation.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { type Ended, firstEnded, otherEnded } from './finish.mapper.js';

/** What the upstream says of a candidate beyond OpenAI's words, by the names that it has here. */
const SAID = [
  ['groundingMetadata', 'grounding_metadata'],
  ['citationMetadata', 'citation_metadata'],
  ['urlContextMetadata', 'url_context_metadata'],
] as const;

/** The reasons that OpenAI's words tell in full. */
const PLAIN = new Set(['STOP', 'MAX_TOKENS']);

/** One of the alternative answers under way. */
export class Choice {
  calls = 0;
  hasOutput = false;
  #reason = 'STOP';
  #message: string | undefined;
  #extras: JsonObject | undefined;

  constructor(readonly index: number) {}

  /** Takes what a candidate, or a piece of one, says about itself. The last word counts. */
  take(candidate: Candidate): void {
    if (typeof candidate.finishReason === 'string') {
      this.#reason = candidate.finishReason;
      this.#message = candidate.finishMessage;
    }
    for (const [name, field] of SAID) {
      const value = candidate[name];
      if (isJsonObject(value)) this.#put(field, value);
    }
  }

  /** Takes a part that is neither text nor call: OpenAI's shape has no place for it. */
  takeOther(part: Part): void {
    this.hasOutput = true;
    const parts = this.#extras?.['parts'];
    if (Array.isArray(parts)) parts.push(part);
    else this.#put('parts', [part]);
  }

  /** How it ended; the first alternative as the request path judged it. */
  ended(finish: FinishEvent): Ended {
    return this.index === 0
      ? firstEnded(finish)
      : otherEnded(this.#reason, this.#message, this.hasOutput || this.calls > 0);
  }

  /** What has no place in OpenAI's shape; undefined where there is nothing. */
  extras({ reason, message }: Ended): JsonObject | undefined {
    if (!PLAIN.has(reason)) {
      this.#put('finish_reason', reason);
      if (message !== undefined) this.#put('finish_message', message);
    }
    return this.#extras;
  }

  #put(field: string, value: JsonValue): void {
    (this.#extras ??= {})[field] = value;
  }
}
