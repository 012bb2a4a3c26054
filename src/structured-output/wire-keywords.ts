import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { pointerTo } from './json-pointer.js';
import type { Limit, Relax, WireType } from './wire-shape.js';

const TYPES: ReadonlySet<string> = new Set<WireType>([
  'string',
  'number',
  'integer',
  'boolean',
  'object',
  'array',
  'null',
]);

/** Keywords that Gemini has no word for. */
const UNKNOWN: Readonly<Record<string, string>> = {
  not: 'Gemini is told what fits, not what does not',
  if: 'Gemini takes no conditions',
  contains: 'Gemini describes all entries of a list or none',
  dependencies: 'Gemini takes no dependencies between properties',
  dependentRequired: 'Gemini takes no dependencies between properties',
  dependentSchemas: 'Gemini takes no dependencies between properties',
  multipleOf: 'Gemini has no such bound',
  patternProperties: 'Gemini takes properties by name alone',
  propertyNames: 'Gemini takes properties by name alone',
  unevaluatedItems: 'Gemini knows additionalProperties alone',
  unevaluatedProperties: 'Gemini knows additionalProperties alone',
  uniqueItems: 'Gemini does not compare entries',
  $dynamicRef: 'Gemini follows $ref alone',
};

/** Takes down the keywords of a schema that Gemini has no word for. */
export function relaxUnknown(schema: JsonObject, path: string, relax: Relax): void {
  for (const [keyword, why] of Object.entries(UNKNOWN)) {
    const value = schema[keyword];
    const says = keyword === 'uniqueItems' ? value === true : value !== undefined && value !== true;
    if (says || (keyword === 'not' && value === true))
      relax({ path: pointerTo(path, keyword), keyword, why });
  }
}

const FAMILIES: readonly (readonly [WireType, readonly string[]])[] = [
  ['object', 'properties required additionalProperties minProperties maxProperties'.split(' ')],
  ['array', 'items prefixItems minItems maxItems'.split(' ')],
  ['string', 'minLength maxLength pattern'.split(' ')],
  ['number', 'minimum maximum exclusiveMinimum exclusiveMaximum'.split(' ')],
];

/** The types that a schema allows, by `type` and `nullable`, or by what its keywords imply; undefined for all. */
export function typesOf(schema: JsonObject): readonly WireType[] | undefined {
  const { type, nullable } = schema;
  const named = (Array.isArray(type) ? type : [type]).filter(
    (name): name is WireType => typeof name === 'string' && TYPES.has(name),
  );
  if (named.length === 0) {
    if (schema['enum'] !== undefined || schema['const'] !== undefined) return undefined;
    const implied = FAMILIES.filter(([, keywords]) =>
      keywords.some((keyword) => schema[keyword] !== undefined),
    );
    return implied.length === 1 ? implied.map(([family]) => family) : undefined;
  }
  const types = nullable === true ? [...named, 'null' as const] : named;
  return [...new Set(types)].filter((name) => name !== 'integer' || !types.includes('number'));
}

/** Keywords that say something about some type, where it is not plain about which. */
export function typedKeywords(schema: JsonObject): string[] {
  return FAMILIES.flatMap(([, keywords]) => keywords.filter((keyword) => schema[keyword] !== undefined));
}

/** The values of `enum` and `const`; undefined where there is neither. */
export function choiceOf(schema: JsonObject): readonly JsonValue[] | undefined {
  const { enum: allowed, const: only } = schema;
  if (only !== undefined) return [only];
  return Array.isArray(allowed) ? allowed : undefined;
}

/** The type of a value, numbers without a fraction being integers. */
export function typeOfValue(value: JsonValue): WireType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value as 'string' | 'boolean' | 'object';
}

const FORMATS: Readonly<Partial<Record<WireType, readonly string[]>>> = {
  string: ['date-time', 'date', 'time'],
  number: ['float', 'double'],
  integer: ['int32', 'int64'],
};

/** The format, where it is one that Gemini knows for the type. Formats are notes: nobody checks them. */
export function formatOf({ format }: JsonObject, type: WireType): string | undefined {
  return typeof format === 'string' && FORMATS[type]?.includes(format) === true ? format : undefined;
}

const LIMITS_OF: Readonly<Partial<Record<WireType, readonly Limit[]>>> = {
  string: ['minLength', 'maxLength'],
  array: ['minItems', 'maxItems'],
  object: ['minProperties', 'maxProperties'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
};

/** The bounds of a type. An exclusive bound is said by the next whole number, or relaxed. */
export function limitsOf(
  schema: JsonObject,
  type: WireType,
  path: string,
  relax: Relax,
): Partial<Record<Limit, number>> | undefined {
  const limits: Partial<Record<Limit, number>> = {};
  for (const limit of LIMITS_OF[type] ?? []) {
    const value = schema[limit];
    if (typeof value === 'number') limits[limit] = value;
  }
  if (type === 'number' || type === 'integer') {
    const { exclusiveMinimum: above, exclusiveMaximum: below } = schema;
    const exclusive = (keyword: string, bound: number, next: number): number => {
      if (type === 'integer') return next;
      relax({ path: pointerTo(path, keyword), keyword, why: 'Gemini takes the bound as allowed' });
      return bound;
    };
    if (typeof above === 'number') {
      const bound = exclusive('exclusiveMinimum', above, Math.floor(above) + 1);
      limits.minimum = Math.max(bound, limits.minimum ?? bound);
    }
    if (typeof below === 'number') {
      const bound = exclusive('exclusiveMaximum', below, Math.ceil(below) - 1);
      limits.maximum = Math.min(bound, limits.maximum ?? bound);
    }
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** Properties in the order in which Gemini shall write them: the caller's `propertyOrdering` first. */
export function orderedProperties(schema: JsonObject): [string, JsonValue][] {
  const { properties, propertyOrdering } = schema;
  if (!isJsonObject(properties)) return [];
  const given = Object.entries(properties).filter(
    (entry): entry is [string, JsonValue] => entry[1] !== undefined,
  );
  const rank = new Map(
    (Array.isArray(propertyOrdering) ? propertyOrdering : []).map((name, at) => [name, at]),
  );
  const place = (name: string): number => rank.get(name) ?? rank.size;
  return given.toSorted(([one], [other]) => place(one) - place(other));
}
