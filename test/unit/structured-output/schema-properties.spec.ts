import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { systemClock } from '../../../src/core/clock.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.js';
import type { CompiledSchema, WireSchemas } from '../../../src/structured-output/compiled-schema.js';
import { relaxFurther } from '../../../src/structured-output/gemini-schema.js';
import { SchemaCompiler } from '../../../src/structured-output/schema-compiler.js';

const compiler = new SchemaCompiler(systemClock);
jest.setTimeout(120_000);

afterAll(() => compiler.onApplicationShutdown());

const NAMES = ['a', 'b', 'constructor', '__proto__'];
const name = fc.constantFrom(...NAMES);
const scalar = fc.oneof(
  fc.constantFrom('a', 'b', ''),
  fc.integer({ min: -2, max: 3 }),
  fc.boolean(),
  fc.constant(null),
);
const type = fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'array', 'null');
const bound = fc.integer({ min: 0, max: 3 });

/** Schemas of draft 2020-12 with all that is rewritten on the way to Gemini, references and cycles included. */
function schemaOf(levels: number): fc.Arbitrary<JsonObject> {
  const member = <T>(keyword: string, value: fc.Arbitrary<T>): fc.Arbitrary<[string, T]> =>
    value.map((chosen) => [keyword, chosen]);
  const inner =
    levels === 0 ? fc.boolean() : fc.oneof(schemaOf(levels - 1), schemaOf(levels - 1), fc.boolean());
  const some = fc.array(inner, { minLength: 1, maxLength: 3 });
  const members = fc.oneof(
    member('type', fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 }))),
    member('enum', fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 })),
    member('const', scalar),
    ...['minimum', 'exclusiveMaximum', 'minLength', 'maxItems', 'minProperties'].map((limit) =>
      member(limit, bound),
    ),
    member('multipleOf', fc.constantFrom(2, 3)),
    member('pattern', fc.constantFrom('^a', 'b+')),
    member('uniqueItems', fc.boolean()),
    member('required', fc.uniqueArray(name, { maxLength: 3 })),
    member('properties', fc.dictionary(name, inner, { maxKeys: 3, noNullPrototype: true })),
    ...['additionalProperties', 'items', 'not', 'if'].map((keyword) => member(keyword, inner)),
    ...['prefixItems', 'anyOf', 'oneOf', 'allOf'].map((keyword) => member(keyword, some)),
    member('$ref', fc.constantFrom('#', '#/$defs/one', '#/$defs/two')),
    member('description', fc.constant('words')),
  );
  return fc.array(members, { maxLength: 4 }).map((chosen) => Object.fromEntries(chosen) as JsonObject);
}

const schema = schemaOf(2);

const rooted = fc
  .tuple(schema, schema, schema)
  .map(([root, one, two]): JsonObject => ({ ...root, $defs: { one, two } }));

function documentOf(levels: number): fc.Arbitrary<JsonValue> {
  if (levels === 0) return scalar;
  const inner = documentOf(levels - 1);
  return fc.oneof(scalar, fc.array(inner, { maxLength: 3 }), fc.dictionary(name, inner, { maxKeys: 3 }));
}

const JSON_SCHEMA = new Set(
  `$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems minimum maximum anyOf
  oneOf properties additionalProperties required propertyOrdering`.split(/\s+/),
);
const OPEN_API = new Set(
  `type format title description nullable enum items minItems maxItems properties required minProperties maxProperties
  minimum maximum minLength maxLength pattern anyOf propertyOrdering`.split(/\s+/),
);

/** The schemas within one of Gemini's forms, itself included. */
function* wireParts(form: JsonValue | undefined): Generator<JsonObject> {
  if (!isJsonObject(form)) return;
  yield form;
  for (const keyword of ['properties', '$defs'])
    if (isJsonObject(form[keyword])) for (const part of Object.values(form[keyword])) yield* wireParts(part);
  for (const keyword of ['anyOf', 'prefixItems'])
    if (Array.isArray(form[keyword])) for (const part of form[keyword]) yield* wireParts(part);
  for (const keyword of ['items', 'additionalProperties']) yield* wireParts(form[keyword]);
}

function expectForms({ jsonSchema, openApiSchema }: WireSchemas): void {
  for (const part of wireParts(jsonSchema)) {
    const keywords = Object.keys(part);
    expect(keywords.filter((keyword) => !JSON_SCHEMA.has(keyword))).toEqual([]);
    if ('$ref' in part) expect(keywords.filter((keyword) => !keyword.startsWith('$'))).toEqual([]);
    if ('type' in part) expect(typeof part['type']).toBe('string');
    const described = Object.keys((part['properties'] ?? {}) as JsonObject);
    expect(described).toEqual(expect.arrayContaining((part['required'] ?? []) as JsonValue[]));
  }
  for (const part of wireParts(openApiSchema)) {
    expect(Object.keys(part).filter((keyword) => !OPEN_API.has(keyword))).toEqual([]);
    if ('type' in part) expect(part['type']).toMatch(/^(STRING|NUMBER|INTEGER|BOOLEAN|OBJECT|ARRAY|NULL)$/);
    expect('type' in part && 'anyOf' in part).toBe(false);
    for (const choice of (part['enum'] ?? []) as JsonValue[]) expect(typeof choice).toBe('string');
  }
}

/** The rules of the dialect take long to compile. */
const FAST = { meta: false, validateSchema: false } as const;

/** What Ajv says of the schema as it was given, without any of our settings but `ownProperties`. */
function plainVerdict(source: JsonObject, value: JsonValue): boolean | undefined {
  const ajv = new Ajv2020({
    strict: false,
    ownProperties: true,
    logger: false,
    validateFormats: false,
    ...FAST,
  });
  try {
    return ajv.validate(source, value);
  } catch {
    return undefined;
  }
}

/** The schema with all types named where it names none: a type that keywords imply narrows what Gemini is told. */
function withTypes(schema: JsonValue): JsonValue {
  if (Array.isArray(schema)) return schema.map(withTypes);
  if (!isJsonObject(schema)) return schema;
  const inner = Object.entries(schema).map(([keyword, value]): [string, JsonValue] => {
    if (keyword === 'properties' || keyword === '$defs')
      return [
        keyword,
        Object.fromEntries(
          Object.entries(value as JsonObject).map(([key, part]) => [key, withTypes(part as JsonValue)]),
        ),
      ];
    return [
      keyword,
      keyword === 'enum' || keyword === 'required' ? (value as JsonValue) : withTypes(value as JsonValue),
    ];
  });
  const types = ['string', 'number', 'boolean', 'object', 'array', 'null'];
  return { type: types, ...Object.fromEntries(inner) };
}

const RUNS = { numRuns: 100 };

/** A schema, compiled; what refers to nothing but itself is refused, and is no case of a property. */
async function compiledOf(source: JsonObject): Promise<CompiledSchema> {
  try {
    return await compiler.compile(source);
  } catch (thrown) {
    expect(thrown).toMatchObject({ message: expect.stringContaining('references lead back to themselves') });
    return fc.pre(false) as never;
  }
}

describe('any schema', () => {
  it('is told to Gemini in words that Gemini has, on every level', async () => {
    await fc.assert(
      fc.asyncProperty(rooted, async (source) => {
        const compiled = await compiledOf(source);
        expectForms(compiled);
        for (let level = 1; level <= 4; level += 1) expectForms(relaxFurther(compiled, level) as WireSchemas);
        expect(relaxFurther(compiled, 5)).toBeUndefined();
      }),
      RUNS,
    );
  });

  it('decides about an answer as it was given, whatever Gemini is told', async () => {
    const withoutProto = fc
      .tuple(rooted, documentOf(3))
      .filter((pair) => !JSON.stringify(pair).includes('__proto__'));
    await fc.assert(
      fc.asyncProperty(withoutProto, async ([source, value]) => {
        const expected = plainVerdict(source, value);
        const compiled = await compiledOf(source);
        for (let time = 0; time < 2; time += 1) {
          const verdict = await compiled.validate(value).catch((thrown: unknown) => thrown);
          if (expected === undefined) expect(verdict).toBeInstanceOf(GatewayError);
          else expect(verdict).toMatchObject({ valid: expected });
        }
      }),
      RUNS,
    );
  });

  it('is told no narrower than it is, where it names its types', async () => {
    const typed = rooted.map((source) => withTypes(source) as JsonObject);
    const pair = fc.tuple(typed, documentOf(3)).filter((both) => !JSON.stringify(both).includes('__proto__'));
    await fc.assert(
      fc.asyncProperty(pair, async ([source, value]) => {
        if (plainVerdict(source, value) !== true) return;
        const { jsonSchema } = await compiledOf(source);
        expect(plainVerdict(jsonSchema, value)).not.toBe(false);
      }),
      { numRuns: 3 * RUNS.numRuns },
    );
  });

  it('is left as it was', async () => {
    await fc.assert(
      fc.asyncProperty(rooted, async (source) => {
        const before = structuredClone(source);
        const compiled = await compiledOf(source);
        relaxFurther(compiled, 2);
        expect(source).toEqual(before);
        expect(compiled.source).toEqual(before);
      }),
      { numRuns: 40 },
    );
  });
});

describe('any JSON', () => {
  it('is a schema, or refused with a place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (value) => {
        const outcome: unknown = await compiler
          .compile(value as JsonObject)
          .catch((thrown: unknown) => thrown);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(GatewayError);
          expect(outcome).toMatchObject({ reason: 'INVALID_REQUEST', metadata: { field: 'schema' } });
        }
      }),
      RUNS,
    );
  });

  it('where keywords of schemas stand is a schema, or refused with a place', async () => {
    const others = ['allOf', 'not', 'const', '$async', '$schema', '$dynamicRef', 'contains', 'definitions'];
    const keyword = fc.constantFrom(...JSON_SCHEMA, ...OPEN_API, ...others);
    const odd = fc.dictionary(keyword, fc.oneof(fc.jsonValue({ maxDepth: 2 }), schema), { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(odd, async (source) => {
        const outcome: unknown = await compiler
          .compile(source as JsonObject)
          .catch((thrown: unknown) => thrown);
        if (outcome instanceof Error)
          expect(outcome).toMatchObject({ reason: 'INVALID_REQUEST', metadata: { field: 'schema' } });
      }),
      RUNS,
    );
  });
});
