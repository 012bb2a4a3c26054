import type { Candidate, Part } from '../../core/gemini-wire.js';
import type { FinishEvent } from '../../core/generation.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';

/** What the upstream says of an answer beyond Anthropic's words, by the names that it has here. */
const SAID = [
  ['groundingMetadata', 'grounding_metadata'],
  ['citationMetadata', 'citation_metadata'],
  ['urlContextMetadata', 'url_context_metadata'],
] as const;

/** The reasons that Anthropic's words tell in full. */
const PLAIN = new Set(['STOP', 'MAX_TOKENS']);

/** The field `gateway` of a message: what Anthropic's shape has no place for. */
export class MessageExtras {
  readonly #fields: JsonObject = {};
  readonly #parts: Part[] = [];

  /** Takes what an answer, or a piece of one, says about itself. The last word counts. */
  take(candidate: Candidate): void {
    for (const [name, field] of SAID) {
      const value = candidate[name];
      if (isJsonObject(value)) this.#fields[field] = value;
    }
  }

  /** Takes a part that is neither text nor thought nor call. */
  takePart(part: Part): void {
    this.#parts.push(part);
  }

  /** `gateway`, or nothing where there is nothing to tell. */
  ended({ finishReason, finishMessage }: FinishEvent): { readonly gateway?: JsonObject } {
    const gateway: JsonObject = {
      ...this.#fields,
      ...(this.#parts.length === 0 ? {} : { parts: this.#parts }),
      ...(PLAIN.has(finishReason) ? {} : { finish_reason: finishReason }),
      ...(PLAIN.has(finishReason) || finishMessage === undefined ? {} : { finish_message: finishMessage }),
    };
    return Object.keys(gateway).length === 0 ? {} : { gateway };
  }
}
