import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.js';
import type { SchemaError } from '../../../src/structured-output/compiled-schema.js';
import { cpuMs } from '../../helpers/cpu-time.js';
import { JsonStreamCheck } from '../../../src/structured-output/json-stream-check.js';

function check(schema: JsonObject, ...pieces: string[]): SchemaError | undefined {
  const stream = new JsonStreamCheck(schema);
  for (const piece of pieces) stream.feed(piece);
  return stream.feed('');
}

const PERSON: JsonObject = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 5 },
    mood: { enum: ['good', 'great', null, 3] },
    age: { type: 'integer' },
    tags: { type: 'array', maxItems: 2, items: { type: 'string' } },
    friend: { $ref: '#' },
  },
  required: ['name'],
  additionalProperties: false,
};

describe('JsonStreamCheck', () => {
  it.each([
    ['prose', 'Sure, ', '', 'syntax'],
    ['a value of the wrong type, at its first character', '{"name":7', '/name', 'type'],
    ['a document of the wrong type', '[', '', 'type'],
    ['an unknown member, before its value', '{"name":"x","shoe"', '', 'additionalProperties'],
    ['a text that no value begins with', '{"mood":"gre', undefined, undefined],
    ['a text that no value begins with', '{"mood":"gru', '/mood', 'enum'],
    ['a text that ends too early', '{"mood":"goo"', '/mood', 'enum'],
    ['a number that is no choice', '{"mood":4,', '/mood', 'enum'],
    ['a list where no choice is one', '{"mood":[', '/mood', 'enum'],
    ['one character too many', '{"name":"abcdef', '/name', 'maxLength'],
    ['one item too many', '{"tags":["a","b","c', '/tags', 'maxItems'],
    ['an item of the wrong type', '{"tags":["a",true', '/tags/1', 'type'],
    ['a number that is not whole', '{"age":1.5,', '/age', 'type'],
    ['a member that is missing when the object ends', '{"age":1}', '', 'required'],
    ['the same further down', '{"name":"a","friend":{"friend":{"name":1', '/friend/friend/name', 'type'],
    ['a comma too many', '{"name":"a",,', '', 'syntax'],
    ['more after the document', '{"name":"a"} so', '', 'syntax'],
  ])('tells %s', (_what, text, path, keyword) => {
    const found = check(PERSON, text);
    expect(found?.path).toBe(path);
    expect(found?.keyword).toBe(keyword);
  });

  it.each([
    ['a fence', '```json\n{"name":"a"}\n```\n'],
    ['a comma before a bracket', '{"name":"a",}'],
    ['a line break in a text', '{"name":"a\nb"}'],
    ['a byte order mark', '\uFEFF{"name":"a"}'],
    ['whole numbers however they are written', '{"name":"a","age":1.0e3}'],
    ['characters of two units', '{"name":"\u{1F600}\u{1F600}\u{1F600}\\ud83d\\ude00\u{1F600}"}'],
  ])('lets %s pass', (_what, text) => {
    expect(check(PERSON, text)).toBeUndefined();
    expect(check(PERSON, ...text.split(''))).toBeUndefined();
  });

  it('leaves open what a schema says in ways that are not decided early', () => {
    const schema: JsonObject = {
      anyOf: [{ type: 'string' }, { type: 'number' }],
      properties: { a: { not: {} } },
      patternProperties: { '^x': {} },
      additionalProperties: false,
      prefixItems: [{ type: 'string' }],
      items: { $ref: 'https://example.com/other' },
    };
    expect(check(schema, '{"a":1,"y":2}')).toBeUndefined();
    expect(check(schema, '[1,2]')).toBeUndefined();
  });

  it('leaves out what a reference may not mean', () => {
    const elsewhere: JsonObject = {
      properties: { a: { $ref: '#/$defs/text' }, b: { $id: 'https://example.com/b' } },
      $defs: { text: { type: 'string' } },
    };
    expect(check(elsewhere, '{"a":1')).toBeUndefined();
    const { b: _b, ...here } = elsewhere['properties'] as JsonObject;
    expect(check({ ...elsewhere, properties: here }, '{"a":1')?.keyword).toBe('type');
    // Draft 7 does not read what stands beside a reference.
    expect(check({ $ref: '#/$defs/any', type: 'object', $defs: { any: {} } }, '[')).toBeUndefined();
  });

  it('leaves the first items to drafts that say what they are', () => {
    const schema: JsonObject = { prefixItems: [{}, {}], items: { type: 'string' } };
    expect(check(schema, '[1,2,"a"')).toBeUndefined();
    expect(check(schema, '[1,2,3')?.path).toBe('/2');
    expect(check({ items: [{ type: 'string' }] }, '[1')).toBeUndefined();
  });

  it('takes names of JavaScript for names', () => {
    const schema: JsonObject = { properties: {}, additionalProperties: false };
    expect(check(schema, '{"constructor"')?.keyword).toBe('additionalProperties');
    expect(check(schema, '{"__proto__"')?.keyword).toBe('additionalProperties');
    expect(check({ required: ['toString'] }, '{}')?.keyword).toBe('required');
  });

  it('finds the same at the same place however the text is cut', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(40)), (text, sizes) => {
        const pieces: string[] = [];
        let at = 0;
        for (const size of sizes) pieces.push(text.slice(at, (at += size)));
        pieces.push(text.slice(at));
        expect(check(ANSWER, ...pieces)).toEqual(check(ANSWER, text));
      }),
    );
  });

  it('finds nothing in valid documents, and nothing that the whole validation does not find', () => {
    let found = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const early = check(ANSWER, text);
        if (early === undefined) return;
        found += 1;
        expect(isValid(text)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    expect(found).toBeGreaterThan(100);
  });

  it.each([
    ['10,000 levels', '[', 10_000],
    ['10,000 levels of objects', '{"a":', 10_000],
    ['5 MB of commas in texts', '{"a":"' + ','.repeat(99), 50_000],
    ['5 MB of small texts', '["x","y"],', 500_000],
    ['5 MB of names', '{"nobody":1},', 400_000],
    ['a name without an end', 'n'.repeat(100), 50_000],
    ['a number without an end', '1'.repeat(100), 50_000],
    ['escapes', '\\u0041', 800_000],
  ])('bears %s in a moment and little memory', (_what, piece, times) => {
    const schema: JsonObject = {
      allOf: Array.from({ length: 200 }, (_, index) => ({ properties: { [`p${index}`]: { maxLength: 3 } } })),
    };
    const stream = new JsonStreamCheck(schema);
    stream.feed(piece.startsWith('[') ? '[' : piece.startsWith('n') || piece.startsWith('\\') ? '{"' : '[');
    const startedMs = cpuMs();
    for (let index = 0; index < times; index += 1) stream.feed(piece);
    expect(cpuMs() - startedMs).toBeLessThan(3_000);
  });

  it('keeps to linear time where many values are allowed', () => {
    const values = Array.from({ length: 2_000 }, (_, index) => `value-${index}`);
    const stream = new JsonStreamCheck({ items: { enum: values } });
    stream.feed('[');
    const startedMs = cpuMs();
    for (let index = 0; index < 300_000; index += 1) stream.feed('"value-1999",');
    expect(stream.feed('')).toBeUndefined();
    expect(cpuMs() - startedMs).toBeLessThan(3_000);
  });
});

const ANSWER: JsonObject = {
  type: 'object',
  properties: {
    a: { type: ['string', 'null'], maxLength: 3 },
    b: { type: 'integer' },
    c: { type: 'array', maxItems: 2, items: { $ref: '#/$defs/leaf' } },
    d: { allOf: [{ type: 'object', required: ['a'] }, { properties: { a: { const: 1 } } }] },
    e: false,
  },
  required: ['b'],
  additionalProperties: { $ref: '#/$defs/leaf' },
  $defs: { leaf: { enum: ['ab', 'ac', 1, true, null] } },
};
const validate = new Ajv2020({ ownProperties: true, allowUnionTypes: true, strict: false }).compile(ANSWER);

const leaf = fc.constantFrom<unknown>(
  'ab',
  'ac',
  'a',
  'ax',
  1,
  1.5,
  2,
  true,
  null,
  [],
  {},
  'long one',
  '\u{1F600}',
);
const documents = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x', '__proto__'),
  fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(fc.constantFrom('a', 'b'), leaf)),
);
/** Documents near the schema, some of them spoilt. */
const texts = fc
  .tuple(fc.oneof(documents, leaf), fc.nat(200), fc.option(fc.constantFrom(...'{}[]",:x1\\ '.split(''))))
  .map(([document, at, spoilt]) => {
    const text = JSON.stringify(document);
    return spoilt === null ? text : text.slice(0, at) + spoilt + text.slice(at);
  });

function isValid(text: string): boolean {
  try {
    return validate(JSON.parse(text));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}
