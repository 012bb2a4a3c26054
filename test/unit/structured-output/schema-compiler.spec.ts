import { afterAll, describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import type { CompiledSchema, SchemaVerdict } from '../../../src/structured-output/compiled-schema.js';
import { SchemaCompiler } from '../../../src/structured-output/schema-compiler.js';
import { THREAD_LIMITS } from '../../../src/structured-output/schema-thread.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const compiler = new SchemaCompiler(new ManualClock());
afterAll(() => compiler.onApplicationShutdown());

async function refusal(schema: unknown): Promise<GatewayError> {
  const failure: unknown = await compiler.compile(schema as JsonObject).catch((thrown: unknown) => thrown);
  if (failure instanceof GatewayError) return failure;
  throw new Error('the schema was not refused');
}

/** The verdict of the thread, and that of the same schema in place where it is short. */
async function verdictOf(schema: JsonObject, value: JsonValue): Promise<SchemaVerdict> {
  const compiled = await compiler.compile(schema);
  const verdict = await compiled.validate(value);
  expect(await compiled.validate(value)).toEqual(verdict);
  return verdict;
}

const parsed = (text: string): JsonObject => JSON.parse(text) as JsonObject;

const named = (count: number): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, {}]));

const nested = (levels: number): JsonObject => {
  let schema: JsonObject = {};
  for (let level = 0; level < levels; level += 1) schema = { not: schema };
  return schema;
};

describe('SchemaCompiler refuses', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['what is no object', [1], '', /must be a JSON object/],
    ['nothing', null, '', /must be a JSON object/],
    [
      'what breaks the rules',
      { properties: { a: { type: 'text' } } },
      '/properties/a/type',
      /at \/properties\/a/,
    ],
    ['$async', { items: { $async: true } }, '/items/$async', /not allowed/],
    [
      'another dialect',
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      '/$schema',
      /2020-12 and draft 7/,
    ],
    [
      'a second dialect',
      { items: { $schema: 'http://json-schema.org/draft-07/schema#' } },
      '/items/$schema',
      /one/,
    ],
    [
      'remote references',
      { items: { $ref: 'https://a.example/b' } },
      '/items/$ref',
      /"https:\/\/a.example\/b" is not/,
    ],
    [
      'references to nothing but themselves',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } },
      '',
      /references lead back to themselves/,
    ],
    ['references to nothing', { $ref: '#/$defs/none' }, '/$ref', /is not in the schema/],
    ['look-ahead', { items: { pattern: '(?=a)' } }, '/items/pattern', /RE2 does not take the pattern/],
    [
      'a name that is no pattern',
      { patternProperties: { '[': {} } },
      '/patternProperties/[',
      /RE2 does not take/,
    ],
    ['long patterns', { pattern: 'a'.repeat(1_001) }, '', /longer than 1000 characters/],
    ['3,000 properties', { properties: named(3_000) }, '', /more than 1000 properties/],
    [
      'properties in many places',
      { allOf: [0, 1, 2].map(() => ({ properties: named(400) })) },
      '',
      /1000 properties/,
    ],
    ['10,000 levels', nested(10_000), '', /deeper than 128 levels/],
    ['many values', { enum: Array.from({ length: 50_000 }, (_, at) => at) }, '', /more than 40000 values/],
    ['long texts', { const: 'x'.repeat(300_000) }, '', /262144 characters/],
    [
      'many references',
      { $defs: { a: {} }, anyOf: Array.from({ length: 1_001 }, () => ({ $ref: '#/$defs/a' })) },
      '',
      /1000 references/,
    ],
    [
      'definitions named __proto__',
      parsed('{"$defs":{"__proto__":{}}}'),
      '/$defs/__proto__',
      /name is not allowed/,
    ],
  ])('%s', async (_, schema, path, message) => {
    const error = await refusal(schema);
    expect(error.reason).toBe('INVALID_REQUEST');
    expect(error.metadata).toEqual({ field: 'schema', schemaPath: path });
    expect(error.message).toMatch(message);
  });
});

describe('SchemaCompiler', () => {
  it('compiles what is just within the bounds', async () => {
    await expect(compiler.compile({ properties: named(1_000) })).resolves.toBeDefined();
    await expect(compiler.compile(nested(127))).resolves.toBeDefined();
  });

  it('compiles equal texts once, and each order of properties for itself under one id', async () => {
    const [one, same, other] = await Promise.all([
      compiler.compile({ title: 'once', properties: { a: {}, b: {} } }),
      compiler.compile({ title: 'once', properties: { a: {}, b: {} } }),
      compiler.compile({ properties: { b: {}, a: {} }, title: 'once' }),
    ]);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
    expect(other.id).toBe(one.id);
    expect(other.jsonSchema['propertyOrdering']).toEqual(['b', 'a']);
  });

  it('gives schemas of another meaning another id', async () => {
    const one = await compiler.compile({ title: 'one' });
    expect((await compiler.compile({ title: 'two' })).id).not.toBe(one.id);
  });

  it('keeps the 500 schemas that were used last', async () => {
    const compile = (title: string): Promise<CompiledSchema> => compiler.compile({ title });
    const [first, second] = [await compile('first'), await compile('second')];
    for (let at = 0; at < 498; at += 1) await compile(`other ${at}`);
    expect(await compile('first')).toBe(first);
    await compile('one more');
    expect(await compile('first')).toBe(first);
    expect(await compile('second')).not.toBe(second);
  });

  it('refuses for a minute what took too long to compile, and looks again after that', async () => {
    const clock = new ManualClock();
    const own = new SchemaCompiler(clock);
    await own.compile({});
    const large = { properties: named(1_000) };
    const slow = own.compile(large);
    clock.advance(THREAD_LIMITS.jobMs);
    await expect(slow).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      message: expect.stringMatching(/more time than it may/),
    });
    clock.advance(59_000);
    const again = own.compile(large);
    expect(clock.armed).toBe(0);
    await expect(again).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    clock.advance(1_000);
    await expect(own.compile(large)).resolves.toBeDefined();
    await own.onApplicationShutdown();
  });

  it('compiles nothing after the shutdown', async () => {
    const own = new SchemaCompiler(new ManualClock());
    await own.compile({});
    await own.onApplicationShutdown();
    await expect(own.compile({ title: 'late' })).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('understands draft 7 where the schema says so', async () => {
    const schema = { $schema: 'http://json-schema.org/draft-07/schema#', items: [{ type: 'string' }] };
    expect((await verdictOf(schema, [1])).valid).toBe(false);
    expect((await verdictOf(schema, ['a', 1])).valid).toBe(true);
    expect((await refusal({ items: [{}] })).metadata['schemaPath']).toBe('/items');
  });

  it('lets no schema refer to one that somebody else brought', async () => {
    await compiler.compile({ $id: 'https://tenant.example/secret', const: 'theirs' });
    const error = await refusal({ $ref: 'https://tenant.example/secret' });
    expect(error.message).toContain('is not in the schema');
  });
});

describe('validate', () => {
  it('names what is wrong and where, without the value', async () => {
    const schema = {
      type: 'object',
      properties: { age: { type: 'integer' }, 'a/b': { enum: ['x'] } },
      required: ['name'],
      additionalProperties: false,
    };
    const verdict = await verdictOf(schema, { age: 'SECRET', 'a/b': 'SECRET', more: 1 });
    expect(verdict).toEqual({
      valid: false,
      errors: expect.arrayContaining([
        { path: '', message: "must have required property 'name'", keyword: 'required' },
        { path: '', message: 'must NOT have additional properties: "more"', keyword: 'additionalProperties' },
        { path: '/age', message: 'must be integer', keyword: 'type' },
        { path: '/a~1b', message: 'must be equal to one of the allowed values: ["x"]', keyword: 'enum' },
      ]),
    });
    expect(JSON.stringify(verdict)).not.toContain('SECRET');
  });

  it('gives the first twenty errors', async () => {
    const verdict = await verdictOf({ items: { type: 'string' } }, Array(100).fill(1));
    expect(verdict).toMatchObject({ valid: false, errors: { length: 20 } });
  });

  it('gives one error of a document that may have any number', async () => {
    const compiled = await compiler.compile({ items: { type: 'string' } });
    const verdict = await compiled.validate(Array(20_000).fill(1));
    expect(verdict).toMatchObject({ valid: false, errors: { length: 1 } });
  });

  it('looks at what an object has itself, whatever the names', async () => {
    const schema = parsed('{"properties":{"__proto__":{"type":"number"},"constructor":{"type":"number"}}}');
    expect((await verdictOf(schema, {})).valid).toBe(true);
    expect((await verdictOf(schema, parsed('{"__proto__":1}'))).valid).toBe(true);
    expect(await verdictOf(schema, parsed('{"__proto__":"a"}'))).toMatchObject({
      errors: [{ path: '/__proto__' }],
    });
    expect((await verdictOf({ required: ['constructor', '__proto__'] }, {})).valid).toBe(false);
    expect((await verdictOf({ required: ['__proto__'] }, parsed('{"__proto__":1}'))).valid).toBe(true);
    const closed = { ...schema, additionalProperties: false };
    expect((await verdictOf(closed, parsed('{"__proto__":1}'))).valid).toBe(true);
  });

  it('says of what is too large to be checked that it is not valid', async () => {
    const compiled = await compiler.compile({});
    let deep: JsonValue = 1;
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    expect(await compiled.validate(deep)).toMatchObject({ errors: [{ keyword: 'depth' }] });
    expect(await compiled.validate('x'.repeat(5_000_000))).toMatchObject({ errors: [{ keyword: 'size' }] });
    expect(await compiled.validate(Array(600_000).fill(1))).toMatchObject({ errors: [{ keyword: 'size' }] });
  });

  it('holds what Gemini is not told', async () => {
    const schema = { type: 'string', pattern: '^a+$', not: { const: 'aaa' } };
    const { jsonSchema } = await compiler.compile(schema);
    expect(jsonSchema).toEqual({ type: 'string' });
    expect((await verdictOf(schema, 'aa')).valid).toBe(true);
    expect((await verdictOf(schema, 'aaa')).valid).toBe(false);
    expect((await verdictOf(schema, 'b')).valid).toBe(false);
  });

  it('refuses a schema that asks for itself without end', async () => {
    const compiled = await compiler.compile({ allOf: [{ $ref: '#' }] });
    await expect(compiled.validate(1)).rejects.toMatchObject({ reason: 'SCHEMA_MISMATCH' });
  });
});
