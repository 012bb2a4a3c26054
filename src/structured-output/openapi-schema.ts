import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/** Keywords of Google's OpenAPI subset that JSON Schema has under the same name and with the same meaning. */
const SAME = ['enum', 'pattern', 'minimum', 'maximum', 'required', 'title', 'description'] as const;
/** Counts: 64-bit numbers, which proto3 JSON writes as texts. */
const COUNTS = ['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'] as const;
const MAX_LEVELS = 100;

/**
 * A `responseSchema` (a subset of OpenAPI 3.0 in proto3 JSON, ai.google.dev/api/caching#Schema, 2026-11) as JSON Schema:
 * types in lower case, `nullable` as a type of its own. What says nothing about the answer is left out.
 */
export function jsonSchemaOf(schema: JsonValue | undefined, levels = 0): JsonObject {
  if (!isJsonObject(schema) || levels === MAX_LEVELS) return {};
  const inner = (value: JsonValue | undefined): JsonObject => jsonSchemaOf(value, levels + 1);
  const { type, nullable, properties, items, anyOf } = schema;
  const made: JsonObject = {};
  if (typeof type === 'string' && type !== 'TYPE_UNSPECIFIED') {
    const name = type.toLowerCase();
    made['type'] = nullable === true && name !== 'null' ? [name, 'null'] : name;
  }
  for (const keyword of SAME) if (schema[keyword] !== undefined) made[keyword] = schema[keyword];
  for (const keyword of COUNTS) if (schema[keyword] !== undefined) made[keyword] = Number(schema[keyword]);
  const { enum: values } = made;
  if (nullable === true && Array.isArray(values) && !values.includes(null)) made['enum'] = [...values, null];
  if (isJsonObject(properties)) {
    const members = Object.entries(properties).map(([name, member]) => [name, inner(member)] as const);
    made['properties'] = Object.fromEntries(members);
  }
  if (items !== undefined) made['items'] = inner(items);
  if (Array.isArray(anyOf)) {
    const branches = anyOf.map((branch) => inner(branch));
    made['anyOf'] = nullable === true ? [...branches, { type: 'null' }] : branches;
  }
  return made;
}
