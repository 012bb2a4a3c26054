import type { JsonObject } from '../../core/json.js';
import { parsedObject } from '../shared/inner-json.js';
import { invalid } from '../shared/request-fields.js';

/** The arguments of a call, which OpenAI's callers give as JSON text. Throws INVALID_REQUEST for any other text. */
export function argumentsAt(text: string, path: string): JsonObject {
  // A call without arguments has been seen to carry an empty text.
  if (text.trim() === '') return {};
  const args = parsedObject(text);
  if (args === undefined) throw invalid(path, 'must be a JSON object as text');
  return args;
}
