import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** UNIMPLEMENTED for a field that the OpenAI API has no counterpart for: another target may take it. */
export function unmappable(field: string): GatewayError {
  return new GatewayError('UNIMPLEMENTED', `${field} cannot be sent to the model that was to answer.`, {
    metadata: { field },
  });
}

/** INVALID_REQUEST for a field, with a sentence of its own. */
export function invalid(field: string, message: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', message, { metadata: { field } });
}

/** Throws UNIMPLEMENTED, naming it, for the first field that is not among `known`. */
export function allowOnly(value: JsonObject, known: ReadonlySet<string>, path: string): void {
  for (const [name, field] of Object.entries(value)) {
    if (field !== undefined && !known.has(name)) throw unmappable(path === '' ? name : `${path}.${name}`);
  }
}

/** The value as an object; an empty one where absent. Throws INVALID_REQUEST for anything else. */
export function objectAt(value: JsonValue | undefined, path: string): JsonObject {
  if (value === undefined) return {};
  if (isJsonObject(value)) return value;
  throw invalid(path, `${path} must be an object.`);
}

/** The value as a list of objects, each with its path; empty where absent. Throws INVALID_REQUEST otherwise. */
export function objectsAt(value: JsonValue | undefined, path: string): [JsonObject, string][] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(path, `${path} must be an array.`);
  return value.map((item, index) => {
    const at = `${path}[${index}]`;
    return [objectAt(item, at), at];
  });
}

/** The value as a string. Throws INVALID_REQUEST for anything else. */
export function stringAt(value: JsonValue | undefined, path: string): string {
  if (typeof value === 'string') return value;
  throw invalid(path, `${path} must be a string.`);
}
