import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** Bounds on a JSON text. */
export interface JsonBounds {
  readonly maxDepth: number;
  readonly maxValues: number;
}

/** A JSON body with the text that it was parsed from. */
export interface JsonBody {
  readonly text: string;
  readonly value: JsonObject;
}

/**
 * Parses a JSON object. The bounds are checked before anything is built, so that a small text cannot become a
 * large structure. Throws INVALID_REQUEST that says what is wrong, without quoting the text.
 */
export function parseJsonBody(text: string, bounds: JsonBounds): JsonBody {
  if (text === '') throw new GatewayError('INVALID_REQUEST', 'The body is empty; a JSON object is needed.');
  assertWithin(text, bounds);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (thrown) {
    const position = thrown instanceof SyntaxError ? /position (\d+)/.exec(thrown.message)?.[1] : undefined;
    const where = position === undefined ? '' : ` (at character ${position})`;
    throw new GatewayError('INVALID_REQUEST', `The body is not valid JSON${where}.`);
  }
  if (!isJsonObject(value)) throw new GatewayError('INVALID_REQUEST', 'The body must be a JSON object.');
  return { text, value };
}

const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** Strings are jumped over by `indexOf`, so that a megabyte of base64 costs next to nothing. */
function assertWithin(text: string, { maxDepth, maxValues }: JsonBounds): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        values += 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        if (depth > maxDepth) {
          throw new GatewayError('INVALID_REQUEST', `The body is nested deeper than ${maxDepth} levels.`);
        }
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      default:
        break;
    }
    if (values > maxValues) {
      throw new GatewayError('INVALID_REQUEST', `The body holds more than ${maxValues} values.`);
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
  } while (isEscaped(text, end));
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}
