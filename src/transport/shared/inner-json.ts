import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';
import { parseJsonBody } from '../http/json-body.js';

/** Bounds of JSON within a text: the body's own bounds do not look into texts. */
const INNER_JSON = { maxDepth: 90, maxValues: 100_000 };

/** More digits than a number can keep. */
const LONG_NUMBER = /\d{16}/;

/** The JSON object that a text is; undefined where it is none, or more than the bounds allow. */
export function parsedObject(text: string): JsonObject | undefined {
  try {
    return parseJsonBody(text, INNER_JSON).value;
  } catch (thrown) {
    if (thrown instanceof GatewayError) return undefined;
    throw thrown;
  }
}

/** What a function said, as the model gets it: a JSON object as it is, any other text as its `output`. */
export function responseOf(text: string): JsonObject {
  const object = text.trimStart().startsWith('{') && !LONG_NUMBER.test(text) ? parsedObject(text) : undefined;
  return object ?? { output: text };
}
