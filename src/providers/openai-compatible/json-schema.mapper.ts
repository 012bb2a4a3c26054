import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/**
 * A JSON Schema from Gemini's subset of OpenAPI 3: types in lower case, `nullable` as a type or an alternative,
 * counts (strings on the wire of protocol buffers) as numbers. Absent for an absent schema.
 */
export function toJsonSchema(schema: JsonValue | undefined): JsonObject | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { type, nullable, properties, items, anyOf, propertyOrdering: _, example, ...rest } = schema;
  const mapped: JsonObject = {};
  for (const [keyword, value] of Object.entries(rest))
    mapped[keyword] = COUNTS.has(keyword) ? count(value) : value;
  if (typeof type === 'string') mapped['type'] = type.toLowerCase();
  if (example !== undefined) mapped['examples'] = [example];
  if (isJsonObject(properties)) mapped['properties'] = mapValues(properties);
  if (items !== undefined) mapped['items'] = toJsonSchema(items);
  if (Array.isArray(anyOf)) mapped['anyOf'] = anyOf.map((option) => toJsonSchema(option) ?? {});
  return nullable === true ? orNull(mapped) : mapped;
}

/** A JSON Schema without Google's own keyword in it, which others may refuse. */
export function withoutOrdering(schema: JsonValue | undefined): JsonValue | undefined {
  if (schema === undefined) return undefined;
  // A property of that name has a schema, which is no list.
  const drop = (name: string, value: unknown): unknown =>
    name === 'propertyOrdering' && Array.isArray(value) ? undefined : value;
  return JSON.parse(JSON.stringify(schema, drop)) as JsonValue;
}

const COUNTS = new Set(['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minLength', 'maxLength']);

function count(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === 'string' ? Number(value) : value;
}

function mapValues(properties: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, toJsonSchema(value)]));
}

function orNull(schema: JsonObject): JsonObject {
  const { type, enum: values, anyOf } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  return {
    ...schema,
    ...(type === undefined ? {} : { type: [type, 'null'] }),
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  };
}
