import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/core/json.js';
import type {
  CompiledSchema,
  WireForm,
  WireSchemas,
} from '../../../src/structured-output/compiled-schema.js';
import { relaxFurther, wireSchemas } from '../../../src/structured-output/gemini-schema.js';

const told = (source: JsonObject): WireSchemas => wireSchemas(source, 'draft2020-12');

/** `keyword path` of what one form does not say. */
const missing = ({ relaxed }: WireSchemas, form: WireForm): string[] =>
  relaxed
    .filter((relaxation) => relaxation.form === undefined || relaxation.form === form)
    .map(({ keyword, path }) => `${keyword} ${path}`);

const lowered = (source: JsonObject, level: number): WireSchemas | undefined =>
  relaxFurther({ source } as CompiledSchema, level);

describe('both forms', () => {
  it('keep the order of properties', () => {
    const { jsonSchema, openApiSchema } = told({
      properties: { b: { type: 'string' }, a: { type: 'string' } },
    });
    expect(jsonSchema['propertyOrdering']).toEqual(['b', 'a']);
    expect(openApiSchema['propertyOrdering']).toEqual(['b', 'a']);
  });

  it('follow the order that the caller gives', () => {
    const properties = { b: {}, c: {}, a: {} };
    const { jsonSchema } = told({ type: 'object', properties, propertyOrdering: ['a', 'c'] });
    expect(jsonSchema['propertyOrdering']).toEqual(['a', 'c', 'b']);
    expect(Object.keys(jsonSchema['properties'] as JsonObject)).toEqual(['a', 'c', 'b']);
  });

  it('say a type that may be null, each in its own words', () => {
    for (const schema of [
      { type: ['string', 'null'] },
      { type: 'string', nullable: true },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
      { oneOf: [{ type: 'null' }, { type: 'string' }] },
    ]) {
      const { jsonSchema, openApiSchema, relaxed } = told(schema);
      expect(jsonSchema['anyOf']).toEqual(expect.arrayContaining([{ type: 'string' }, { type: 'null' }]));
      expect(openApiSchema).toEqual({ type: 'STRING', nullable: true });
      expect(relaxed).toEqual([]);
    }
  });

  it('say a constant as the one choice', () => {
    const { jsonSchema, openApiSchema } = told({ const: 'yes' });
    expect(jsonSchema).toEqual({ type: 'string', enum: ['yes'] });
    expect(openApiSchema).toEqual({ type: 'STRING', enum: ['yes'] });
  });

  it('merge the parts of allOf, references within it included', () => {
    const wire = told({
      allOf: [{ $ref: '#/$defs/Base' }, { properties: { b: { type: 'integer' } }, required: ['b'] }],
      $defs: {
        Base: { type: 'object', properties: { a: { minLength: 1, type: 'string' } }, required: ['a'] },
      },
    });
    expect(wire.openApiSchema).toEqual({
      type: 'OBJECT',
      properties: { a: { type: 'STRING', minLength: 1 }, b: { type: 'INTEGER' } },
      required: ['a', 'b'],
      propertyOrdering: ['a', 'b'],
    });
    expect(missing(wire, 'openApiSchema')).toEqual([]);
  });

  it('take the narrower of two bounds and of two choices', () => {
    const { jsonSchema } = told({
      allOf: [
        { type: 'number', minimum: 1, maximum: 9, enum: [2, 3, 4] },
        { type: 'integer', minimum: 2, maximum: 10, enum: [3, 4, 5] },
      ],
    });
    expect(jsonSchema).toEqual({ type: 'integer', minimum: 2, maximum: 9, enum: [3, 4] });
  });

  it('say of parts that allow no value what the first one says, and that this is not all', () => {
    const wire = told({ allOf: [{ type: 'string' }, { type: 'number' }] });
    expect(wire.jsonSchema).toEqual({ type: 'string' });
    expect(missing(wire, 'jsonSchema')).toEqual(['allOf /allOf/1']);
  });

  it('say what stands beside alternatives in each of them', () => {
    const { jsonSchema } = told({
      type: 'object',
      properties: { kind: { type: 'string' } },
      anyOf: [{ required: ['kind'] }, { properties: { n: { type: 'integer' } }, required: ['n'] }],
    });
    const kind = { type: 'string' };
    expect(jsonSchema['anyOf']).toEqual([
      { type: 'object', properties: { kind }, required: ['kind'] },
      {
        type: 'object',
        properties: { kind, n: { type: 'integer' } },
        required: ['n'],
        propertyOrdering: ['kind', 'n'],
      },
    ]);
  });

  it('do not forbid properties that only one of several parts knows of', () => {
    const closed = { type: 'object', properties: { a: {} }, additionalProperties: false };
    const wire = told({ allOf: [closed, { properties: { b: {} } }] });
    expect(wire.jsonSchema['additionalProperties']).toBeUndefined();
    expect(missing(wire, 'jsonSchema')).toEqual(['additionalProperties /allOf/0/additionalProperties']);
  });

  it('do not forbid properties that a pattern allows', () => {
    const wire = told({ type: 'object', patternProperties: { '^x': {} }, additionalProperties: false });
    expect(wire.jsonSchema).toEqual({ type: 'object' });
    expect(missing(wire, 'jsonSchema')).toEqual([
      'patternProperties /patternProperties',
      'additionalProperties /additionalProperties',
    ]);
  });

  it.each([
    ['not', { not: { type: 'null' } }],
    ['if', { if: {}, else: {} }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
    ['multipleOf', { type: 'number', multipleOf: 5 }],
    ['patternProperties', { type: 'object', patternProperties: { a: {} } }],
    ['propertyNames', { type: 'object', propertyNames: { pattern: 'a' } }],
    ['dependentRequired', { type: 'object', dependentRequired: { a: ['b'] } }],
    ['unevaluatedProperties', { type: 'object', unevaluatedProperties: false }],
    ['contains', { type: 'array', contains: {} }],
  ])('leave out %s, and say so', (keyword, schema) => {
    const wire = told(schema);
    expect(missing(wire, 'jsonSchema')).toEqual([`${keyword} /${keyword}`]);
    expect(missing(wire, 'openApiSchema')).toEqual([`${keyword} /${keyword}`]);
    expect(JSON.stringify([wire.jsonSchema, wire.openApiSchema])).not.toContain(keyword);
  });

  it('say an exclusive bound of integers exactly, and of numbers nearly', () => {
    const whole = told({ type: 'integer', exclusiveMinimum: 3, exclusiveMaximum: 7.5 });
    expect(whole.jsonSchema).toEqual({ type: 'integer', minimum: 4, maximum: 7 });
    expect(whole.relaxed).toEqual([]);
    const broken = told({ type: 'number', exclusiveMinimum: 3 });
    expect(broken.jsonSchema).toEqual({ type: 'number', minimum: 3 });
    expect(missing(broken, 'jsonSchema')).toEqual(['exclusiveMinimum /exclusiveMinimum']);
  });

  it('require only what they describe', () => {
    const wire = told({ type: 'object', properties: { a: {} }, required: ['a', 'b'] });
    expect(wire.jsonSchema['required']).toEqual(['a']);
    expect(wire.openApiSchema['required']).toEqual(['a']);
    expect(missing(wire, 'jsonSchema')).toEqual(['required /required']);
  });

  it('take oneOf for anyOf, and say so unless the types differ', () => {
    const wire = told({
      oneOf: [
        { type: 'string', format: 'date' },
        { type: 'string', format: 'time' },
      ],
    });
    expect(wire.jsonSchema['anyOf']).toHaveLength(2);
    expect(missing(wire, 'jsonSchema')).toEqual(['oneOf /oneOf']);
    expect(told({ oneOf: [{ type: 'string' }, { type: 'integer' }] }).relaxed).toEqual([]);
  });

  it('know properties by the names of prototypes', () => {
    const source = JSON.parse(
      '{"properties":{"__proto__":{"type":"string"},"constructor":{}}}',
    ) as JsonObject;
    const { jsonSchema } = told(source);
    expect(Object.keys(jsonSchema['properties'] as JsonObject)).toEqual(['__proto__', 'constructor']);
  });
});

describe('responseJsonSchema', () => {
  it('refers to definitions wherever they were', () => {
    const { jsonSchema } = told({
      type: 'object',
      properties: { a: { $ref: '#/definitions/A' }, b: { $ref: '#/properties/c' }, c: { type: 'integer' } },
      definitions: { A: { type: 'string' }, unused: {} },
    });
    expect(jsonSchema['properties']).toEqual({
      a: { $ref: '#/$defs/A' },
      b: { $ref: '#/$defs/c' },
      c: { type: 'integer' },
    });
    expect(jsonSchema['$defs']).toEqual({ A: { type: 'string' }, c: { type: 'integer' } });
  });

  it('writes a definition out where more is said beside the reference', () => {
    const { jsonSchema } = told({
      properties: { home: { $ref: '#/$defs/A', description: 'At home' } },
      $defs: { A: { type: 'string', description: 'Somewhere' } },
    });
    expect(jsonSchema['properties']).toEqual({ home: { type: 'string', description: 'At home' } });
  });

  it('keeps cycles in properties that may be left out, and makes others so', () => {
    const node = {
      type: 'object',
      properties: { value: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/Node' } } },
    };
    const optional = told({ $ref: '#/$defs/Node', $defs: { Node: node } });
    const required = told({
      $ref: '#/$defs/Node',
      $defs: { Node: { ...node, required: ['children', 'value'] } },
    });
    expect(optional.jsonSchema['$ref']).toBeUndefined();
    expect(JSON.stringify(optional.jsonSchema)).toContain('{"$ref":"#/$defs/Node"}');
    expect(missing(optional, 'jsonSchema')).toEqual([]);
    expect(required.jsonSchema['required']).toEqual(['value']);
    expect(missing(required, 'jsonSchema')).toEqual(['required /$defs/Node/required']);
  });

  it('does not follow a cycle that stands in no property', () => {
    const wire = told({ type: 'array', items: { $ref: '#' } });
    expect(wire.jsonSchema).toEqual({ type: 'array', items: {} });
    expect(missing(wire, 'jsonSchema')).toEqual(['$ref /items']);
  });

  it('says where a list ends after its described entries', () => {
    const wire = told({
      type: 'array',
      prefixItems: [{ type: 'string' }, { type: 'integer' }],
      items: false,
    });
    expect(wire.jsonSchema).toEqual({
      type: 'array',
      maxItems: 2,
      prefixItems: [{ type: 'string' }, { type: 'integer' }],
    });
    expect(wire.openApiSchema['items']).toEqual({ anyOf: [{ type: 'STRING' }, { type: 'INTEGER' }] });
  });

  it('has no lengths and no patterns', () => {
    const wire = told({ type: 'string', minLength: 2, pattern: 'a' });
    expect(wire.jsonSchema).toEqual({ type: 'string' });
    expect(missing(wire, 'jsonSchema').toSorted()).toEqual(['minLength /minLength', 'pattern /pattern']);
    expect(wire.openApiSchema).toEqual({ type: 'STRING', minLength: 2, pattern: 'a' });
  });
});

describe('responseSchema', () => {
  it('writes references out, and ends cycles with their type', () => {
    const wire = told({
      type: 'object',
      properties: { a: { $ref: '#/$defs/A' }, self: { $ref: '#' } },
      $defs: { A: { type: 'string' } },
    });
    expect(wire.openApiSchema['properties']).toEqual({ a: { type: 'STRING' }, self: { type: 'OBJECT' } });
    expect(missing(wire, 'openApiSchema')).toEqual(['$ref /properties/self']);
  });

  it('has choices of texts alone', () => {
    const wire = told({ enum: [1, 2] });
    expect(wire.openApiSchema).toEqual({ type: 'INTEGER' });
    expect(missing(wire, 'openApiSchema')).toEqual(['enum /enum']);
    expect(wire.jsonSchema).toEqual({ type: 'integer', enum: [1, 2] });
  });

  it('has no additionalProperties', () => {
    const wire = told({ type: 'object', properties: { a: {} }, additionalProperties: false });
    expect(wire.openApiSchema['additionalProperties']).toBeUndefined();
    expect(missing(wire, 'openApiSchema')).toEqual(['additionalProperties /additionalProperties']);
    expect(wire.jsonSchema['additionalProperties']).toBe(false);
  });
});

describe('relaxFurther', () => {
  const levels = (count: number): JsonObject => {
    let schema: JsonObject = { type: 'string', enum: Array.from({ length: 20 }, (_, at) => `value ${at}`) };
    for (let level = 0; level < count; level += 1) schema = { type: 'object', properties: { a: schema } };
    return { ...schema, minProperties: 1 };
  };

  it('leaves out bounds first, then long enums and depth, and says so', () => {
    const [first, second, third] = [1, 2, 3].map((level) => lowered(levels(4), level) as WireSchemas);
    expect(JSON.stringify(first)).not.toContain('"minProperties":1');
    expect(JSON.stringify(first!.jsonSchema)).toContain('value 19');
    expect(JSON.stringify(second!.jsonSchema)).not.toContain('value');
    expect(missing(second!, 'jsonSchema')).toContain(`enum ${'/properties/a'.repeat(4)}/enum`);
    expect(third!.jsonSchema).not.toEqual(second!.jsonSchema);
    expect(missing(third!, 'jsonSchema')).toContain(`properties ${'/properties/a'.repeat(3)}/properties`);
  });

  it('says the type alone at last, and nothing after that', () => {
    expect(lowered(levels(4), 4)).toMatchObject({
      jsonSchema: { type: 'object' },
      openApiSchema: { type: 'OBJECT' },
    });
    expect(lowered(levels(4), 4)!.jsonSchema).toEqual({ type: 'object' });
    expect(lowered(levels(4), 5)).toBeUndefined();
  });

  it('keeps what was relaxed before', () => {
    const wire = lowered({ type: 'object', not: { required: ['a'] } }, 1);
    expect(missing(wire!, 'jsonSchema')).toEqual(['not /not']);
  });
});
