import { describe, expect, it } from '@jest/globals';
import { toJsonSchema } from '../../../../src/providers/openai-compatible/json-schema.mapper.js';

describe('toJsonSchema', () => {
  it('is absent for an absent schema', () => {
    expect(toJsonSchema(undefined)).toBeUndefined();
  });

  it('lowers types at every depth and keeps the keywords that both know', () => {
    expect(
      toJsonSchema({
        type: 'OBJECT',
        title: 'Order',
        description: 'An order.',
        required: ['lines'],
        propertyOrdering: ['lines', 'state'],
        properties: {
          lines: { type: 'ARRAY', minItems: '1', maxItems: 9, items: { type: 'NUMBER', minimum: 0 } },
          state: { type: 'STRING', enum: ['open', 'shut'], example: 'open', format: 'enum' },
          either: { anyOf: [{ type: 'BOOLEAN' }, { type: 'INTEGER' }] },
        },
      }),
    ).toEqual({
      type: 'object',
      title: 'Order',
      description: 'An order.',
      required: ['lines'],
      properties: {
        lines: { type: 'array', minItems: 1, maxItems: 9, items: { type: 'number', minimum: 0 } },
        state: { type: 'string', enum: ['open', 'shut'], examples: ['open'], format: 'enum' },
        either: { anyOf: [{ type: 'boolean' }, { type: 'integer' }] },
      },
    });
  });

  it('leaves properties that are named as keywords alone', () => {
    expect(toJsonSchema({ type: 'OBJECT', properties: { type: { type: 'STRING' } } })).toEqual({
      type: 'object',
      properties: { type: { type: 'string' } },
    });
  });

  it('allows null where the schema is nullable', () => {
    expect(toJsonSchema({ type: 'STRING', nullable: true })).toEqual({ type: ['string', 'null'] });
    expect(toJsonSchema({ type: 'STRING', enum: ['a'], nullable: true })).toEqual({
      type: ['string', 'null'],
      enum: ['a', null],
    });
    expect(toJsonSchema({ anyOf: [{ type: 'STRING' }], nullable: true })).toEqual({
      anyOf: [{ type: 'string' }, { type: 'null' }],
    });
    expect(toJsonSchema({ type: 'STRING', nullable: false })).toEqual({ type: 'string' });
  });
});
