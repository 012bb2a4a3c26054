import type { Part } from '../../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

interface CallUnderWay {
  id: string;
  name: string;
  args: string;
}

/** The tool calls of one choice, put together from their pieces. */
export class ToolCalls {
  readonly #calls = new Map<number, CallUnderWay>();

  /** Takes pieces, or whole calls. Without an index a piece is at its place in the list. */
  take(pieces: readonly JsonObject[]): void {
    for (const [place, piece] of pieces.entries()) {
      const index = typeof piece['index'] === 'number' ? piece['index'] : place;
      const call = this.#calls.get(index) ?? { id: '', name: '', args: '' };
      this.#calls.set(index, call);
      const called = isJsonObject(piece['function']) ? piece['function'] : {};
      call.id ||= textOf(piece['id']);
      call.name ||= textOf(called['name']);
      call.args += textOf(called['arguments']);
    }
  }

  /** All calls as parts, in order. A call whose arguments are no JSON object is left out, and the first named. */
  complete(): { readonly parts: Part[]; readonly malformed: string | undefined } {
    const parts: Part[] = [];
    let malformed: string | undefined;
    for (const { id, name, args } of this.#calls.values()) {
      const parsed = parseArguments(args);
      if (parsed === undefined) malformed ??= name;
      else parts.push({ functionCall: { ...(id === '' ? {} : { id }), name, args: parsed } });
    }
    this.#calls.clear();
    return { parts, malformed };
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function parseArguments(text: string): JsonObject | undefined {
  if (text.trim() === '') return {};
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
