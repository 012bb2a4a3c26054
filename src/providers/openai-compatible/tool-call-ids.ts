import type { JsonValue } from '../../core/json.js';

interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/**
 * Ids for the tool calls of one conversation. Gemini's are optional, the OpenAI API's are not: missing ones are
 * made up by position, so that the same conversation always gets the same ids, and answers without an id belong
 * to the oldest open call of their function.
 */
export class ToolCallIds {
  #made = 0;
  readonly #open: OpenCall[] = [];

  /** The id of a call that the model made. */
  made(name: string, given: JsonValue | undefined): string {
    const id = typeof given === 'string' && given !== '' ? given : `call_${this.#made}`;
    this.#made += 1;
    this.#open.push({ id, name });
    return id;
  }

  /** The id of the call that an answer belongs to; undefined where there is none. */
  answered(name: string, given: JsonValue | undefined): string | undefined {
    const byId = this.#open.findIndex(({ id }) => id === given);
    const at = byId === -1 ? this.#open.findIndex((call) => call.name === name) : byId;
    return at === -1 ? undefined : this.#open.splice(at, 1)[0]?.id;
  }
}
