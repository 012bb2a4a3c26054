import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { invalidSchema } from './invalid-schema.js';
import { measureJson } from './json-extent.js';
import { SCHEMA_MAPS, subSchemasOf } from './sub-schemas.js';
import { pointerTo } from './json-pointer.js';

/** The dialects of JSON Schema that are understood. */
export type SchemaDialect = 'draft2020-12' | 'draft7';

/** What a schema may have at most. A schema that has more is refused. */
const SCHEMA_LIMITS = {
  /** Levels of lists and objects; an object within an object takes two. */
  depth: 128,
  /** Values in the document. */
  nodes: 40_000,
  /** Characters of names and texts. */
  chars: 262_144,
  /** Properties that are described, in all. */
  properties: 1_000,
  /** References. */
  references: 1_000,
  /** Characters of a pattern. */
  patternChars: 1_000,
} as const;

/** A schema that is small enough to be compiled, and says nothing that is refused. */
export interface BoundedSchema {
  /** SHA-256 of the canonical document, hexadecimal. */
  readonly id: string;
  readonly source: JsonObject;
  readonly dialect: SchemaDialect;
  /** What the validator compiles: the source, with a property named `__proto__` described by a pattern. */
  readonly text: string;
}

const DIALECTS: Readonly<Record<string, SchemaDialect>> = {
  'https://json-schema.org/draft/2020-12/schema': 'draft2020-12',
  'http://json-schema.org/draft-07/schema': 'draft7',
  'https://json-schema.org/draft-07/schema': 'draft7',
};

/**
 * The text of a caller's schema, where it is small enough to be looked at. Throws `INVALID_REQUEST` for what is no
 * object, and for what is deeper or larger than `SCHEMA_LIMITS` says.
 */
export function schemaText(schema: unknown): string {
  if (!isJsonObject(schema)) throw invalidSchema('', 'it must be a JSON object');
  const measure = measureJson(schema, SCHEMA_LIMITS);
  if ('over' in measure) throw invalidSchema('', OVER[measure.over]);
  return JSON.stringify(schema);
}

/**
 * Looks at a schema from its text before anything is made of it. Throws `INVALID_REQUEST` for what has more
 * properties, references or longer patterns than `SCHEMA_LIMITS` says, for `$async`, for a dialect other than the
 * two, and for `__proto__` where it names a schema other than that of a property.
 */
export function boundedSchema(text: string): BoundedSchema {
  const source = JSON.parse(text) as JsonObject;
  const dialect = dialectOf(source);
  const safe = checked(source, '', { properties: 0, references: 0, dialect });
  return {
    id: createHash('sha256').update(canonicalJson(source)).digest('hex'),
    source,
    dialect,
    text: JSON.stringify(safe),
  };
}

const OVER = {
  depth: `it is nested deeper than ${SCHEMA_LIMITS.depth} levels`,
  nodes: `it holds more than ${SCHEMA_LIMITS.nodes} values`,
  chars: `its names and texts are longer than ${SCHEMA_LIMITS.chars} characters`,
} as const;

interface Walk {
  properties: number;
  references: number;
  readonly dialect: SchemaDialect;
}

/** The dialect that a schema names, draft 2020-12 where it names none. Throws `INVALID_REQUEST` for any other. */
export function dialectOf({ $schema }: JsonObject): SchemaDialect {
  if ($schema === undefined) return 'draft2020-12';
  const dialect = typeof $schema === 'string' ? DIALECTS[$schema.replace(/#$/, '')] : undefined;
  if (dialect !== undefined) return dialect;
  throw invalidSchema('/$schema', 'only draft 2020-12 and draft 7 are understood');
}

/** The schema itself where nothing in it has to be written differently. */
function checked(schema: JsonObject, path: string, walk: Walk): JsonObject {
  if (schema['$async'] !== undefined) throw invalidSchema(pointerTo(path, '$async'), '$async is not allowed');
  if (schema['$schema'] !== undefined && dialectOf(schema) !== walk.dialect)
    throw invalidSchema(pointerTo(path, '$schema'), 'a schema has one dialect');
  checkPatterns(schema, path);
  const { properties } = schema;
  if (isJsonObject(properties)) walk.properties += Object.keys(properties).length;
  if (walk.properties > SCHEMA_LIMITS.properties)
    throw invalidSchema('', `it describes more than ${SCHEMA_LIMITS.properties} properties`);
  if (schema['$ref'] !== undefined) walk.references += 1;
  if (walk.references > SCHEMA_LIMITS.references)
    throw invalidSchema('', `it holds more than ${SCHEMA_LIMITS.references} references`);
  checkNames(schema, path);
  let safe = withoutProtoProperty(walk.dialect === 'draft7' ? schema : withReferenceApart(schema));
  for (const { schema: inner, path: at, keyword } of subSchemasOf(safe, path)) {
    if (!isJsonObject(inner)) continue;
    const safeInner = checked(inner, at, walk);
    if (safeInner !== inner) safe = replaced(safe, keyword, inner, safeInner);
  }
  return safe;
}

function checkPatterns(schema: JsonObject, path: string): void {
  const { pattern, patternProperties } = schema;
  const named = isJsonObject(patternProperties) ? Object.keys(patternProperties) : [];
  const longest = Math.max(
    0,
    ...named.map((name) => name.length),
    typeof pattern === 'string' ? pattern.length : 0,
  );
  if (longest > SCHEMA_LIMITS.patternChars)
    throw invalidSchema(path, `a pattern is longer than ${SCHEMA_LIMITS.patternChars} characters`);
}

const PROTO = '__proto__';

/** Ajv skips schemas by this name without a word: an answer would pass unchecked. */
function checkNames(schema: JsonObject, path: string): void {
  for (const keyword of [...SCHEMA_MAPS, 'dependentRequired']) {
    const named = schema[keyword];
    if (keyword !== 'properties' && isJsonObject(named) && Object.hasOwn(named, PROTO))
      throw invalidSchema(pointerTo(pointerTo(path, keyword), PROTO), 'the name is not allowed here');
  }
}

function withoutProtoProperty(schema: JsonObject): JsonObject {
  const { properties, patternProperties, ...rest } = schema;
  if (!isJsonObject(properties) || !Object.hasOwn(properties, PROTO)) return schema;
  const others = Object.entries(properties).filter(([name]) => name !== PROTO);
  const patterns = isJsonObject(patternProperties) ? patternProperties : {};
  return {
    ...rest,
    properties: Object.fromEntries(others),
    patternProperties: { ...patterns, [`^${PROTO}$`]: properties[PROTO] },
  };
}

/** Ajv looks for what stands beside an `$id` in the wrong place when there is a reference beside it, too. */
function withReferenceApart(schema: JsonObject): JsonObject {
  const { $id, $ref, ...rest } = schema;
  if ($id === undefined || $ref === undefined) return schema;
  const others = Array.isArray(rest['allOf']) ? rest['allOf'] : [];
  return { $id, ...rest, allOf: [...others, { $ref }] };
}

function replaced(schema: JsonObject, keyword: string, from: JsonObject, to: JsonObject): JsonObject {
  const swap = (value: JsonValue | undefined): JsonValue | undefined => (value === from ? to : value);
  const held = schema[keyword];
  if (held === from) return { ...schema, [keyword]: to };
  if (Array.isArray(held)) return { ...schema, [keyword]: held.map((entry) => swap(entry) as JsonValue) };
  const members = Object.entries(held as JsonObject).map(([name, member]) => [name, swap(member)] as const);
  return { ...schema, [keyword]: Object.fromEntries(members) };
}

/** A JSON text in which the order of members and white space do not show. */
function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry)).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .flatMap((name) => {
      const member = value[name];
      return member === undefined ? [] : [`${JSON.stringify(name)}:${canonicalJson(member)}`];
    });
  return `{${members.join(',')}}`;
}
