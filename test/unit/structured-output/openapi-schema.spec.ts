import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/core/json.js';
import { jsonSchemaOf } from '../../../src/structured-output/openapi-schema.js';

describe('jsonSchemaOf', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['types in lower case', { type: 'STRING' }, { type: 'string' }],
    ['a type that is none for any', { type: 'TYPE_UNSPECIFIED' }, {}],
    ['nullable as a type', { type: 'INTEGER', nullable: true }, { type: ['integer', 'null'] }],
    [
      'nullable choices',
      { type: 'STRING', nullable: true, format: 'enum', enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [
      'nullable unions',
      { nullable: true, anyOf: [{ type: 'STRING' }, { type: 'NUMBER' }] },
      { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
    ],
    ['counts that are texts', { type: 'ARRAY', maxItems: '3' }, { type: 'array', maxItems: 3 }],
    [
      'what is within',
      {
        type: 'OBJECT',
        properties: { a: { type: 'ARRAY', items: { type: 'BOOLEAN' } }, propertyOrdering: { type: 'NULL' } },
        required: ['a'],
        propertyOrdering: ['a'],
        example: { a: [] },
      },
      {
        type: 'object',
        properties: { a: { type: 'array', items: { type: 'boolean' } }, propertyOrdering: { type: 'null' } },
        required: ['a'],
      },
    ],
  ])('gives %s', (_what, given, made) => {
    expect(jsonSchemaOf(given)).toEqual(made);
  });

  it('does not follow a schema without end', () => {
    let schema: JsonObject = { type: 'STRING' };
    for (let levels = 0; levels < 10_000; levels += 1) schema = { type: 'ARRAY', items: schema };
    expect(() => jsonSchemaOf(schema)).not.toThrow();
  });
});
