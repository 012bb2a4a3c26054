import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../../src/core/json.js';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { Random } from '../../../src/emulator/random.js';
import { randomDocument } from '../../../src/emulator/random-document.js';
import { generated, saying, textOf } from '../../helpers/emulator-client.js';

const FORMATS = {
  date: /^\d{4}-\d\d-\d\d$/,
  'date-time': (text: string) => !Number.isNaN(Date.parse(text)),
  email: /^[^@\s]+@[^@\s]+$/,
  uuid: /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/,
  uri: (text: string) => URL.canParse(text),
};
const SCHEMAS: Readonly<Record<string, JsonObject>> = {
  flat: {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 20, maxLength: 25 },
      kind: { enum: ['a', 'b', 3] },
      score: { type: 'number', minimum: 0.25, maximum: 0.5 },
      count: { type: 'integer', minimum: 5, maximum: 6 },
      flag: { type: 'boolean' },
      nothing: { type: 'null' },
      maybe: { type: ['string', 'null'] },
      when: { type: 'string', format: 'date-time' },
      day: { type: 'string', format: 'date' },
      mail: { type: 'string', format: 'email' },
      id: { type: 'string', format: 'uuid' },
      link: { type: 'string', format: 'uri' },
      code: { type: 'string', pattern: '^[A-Z]{3}-(?:\\d{2,4}|x+)\\.?$' },
    },
    required: ['name', 'kind', 'score', 'count', 'code', 'when', 'day', 'mail', 'id', 'link'],
    additionalProperties: false,
  },
  lists: {
    type: 'array',
    minItems: 2,
    maxItems: 4,
    items: {
      type: 'array',
      prefixItems: [{ type: 'integer' }, { type: 'string' }],
      items: false,
      minItems: 2,
    },
  },
  union: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
    ],
  },
  tree: {
    $defs: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'integer' },
          left: { $ref: '#/$defs/node' },
          children: { type: 'array', items: { $ref: '#/$defs/node' } },
        },
        required: ['value'],
      },
    },
    $ref: '#/$defs/node',
  },
  itself: { type: 'object', properties: { next: { $ref: '#' }, n: { type: 'integer' } }, required: ['n'] },
  counted: { type: 'object', minProperties: 2, maxProperties: 3, additionalProperties: { type: 'integer' } },
};

describe('randomDocument', () => {
  it.each(Object.keys(SCHEMAS))('is valid against the %s schema, whatever the seed', (name) => {
    const schema = SCHEMAS[name]!;
    const validate = new Ajv2020({ formats: FORMATS, strict: false }).compile(schema);
    for (let seed = 0; seed < 300; seed++) {
      const document = randomDocument(schema, new Random(seed));
      if (!validate(document))
        throw new Error(`${JSON.stringify(document)}: ${JSON.stringify(validate.errors)}`);
    }
  });

  it('is another one for another seed', () => {
    const made = new Set(
      Array.from({ length: 20 }, (_, seed) =>
        JSON.stringify(randomDocument(SCHEMAS.flat!, new Random(seed))),
      ),
    );
    expect(made.size).toBeGreaterThan(10);
  });

  it('follows propertyOrdering and reads the OpenAPI form', () => {
    const schema = {
      type: 'OBJECT',
      properties: { a: { type: 'STRING' }, b: { type: 'ARRAY', items: { type: 'INTEGER' }, minItems: '2' } },
      propertyOrdering: ['b', 'a'],
      required: ['a', 'b'],
    };
    const document = randomDocument(schema, new Random(1)) as JsonObject;
    expect(Object.keys(document)).toEqual(['b', 'a']);
    expect(document).toEqual({
      a: expect.any(String),
      b: expect.arrayContaining([expect.any(Number), expect.any(Number)]),
    });
  });
});

describe('structured output over the wire', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator();
  });
  afterAll(() => emulator.close());

  it.each(['responseSchema', 'responseJsonSchema'])('honours %s', async (field) => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer', minimum: 3, maximum: 4 } },
      required: ['n'],
    };
    const response = await generated(
      emulator,
      saying('a', { generationConfig: { responseMimeType: 'application/json', [field]: schema } }),
    );
    expect([3, 4]).toContain((JSON.parse(textOf(response)) as { n: number }).n);
  });

  it('answers one of the values of an enum as text', async () => {
    const generationConfig = {
      responseMimeType: 'text/x.enum',
      responseSchema: { type: 'STRING', enum: ['yes', 'no'] },
    };
    expect(['yes', 'no']).toContain(textOf(await generated(emulator, saying('a', { generationConfig }))));
  });

  it('refuses a schema without the JSON type, and both schemas at once', async () => {
    const both = { responseMimeType: 'application/json', responseSchema: {}, responseJsonSchema: {} };
    expect(
      await generated(emulator, saying('a', { generationConfig: { responseSchema: {} } })),
    ).toHaveProperty('error.code', 400);
    expect(await generated(emulator, saying('a', { generationConfig: both }))).toHaveProperty(
      'error.code',
      400,
    );
  });
});
