import type { JsonObject, JsonValue } from '../../src/core/json.js';

/** A schema or a document that means harm, and what may come of it. */
export interface HostileInput {
  readonly name: string;
  readonly schema: JsonObject;
  /** Checked against the schema where that compiles. */
  readonly document?: JsonValue;
}

const nested = (levels: number, keyword: (inner: JsonValue) => JsonObject): JsonObject => {
  let schema: JsonObject = { type: 'string' };
  for (let level = 0; level < levels; level += 1) schema = keyword(schema);
  return schema;
};

const properties = (count: number): JsonObject =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`property${at}`, { type: 'string', minLength: 1 }]),
  );

const list = (length: number, entry: (at: number) => JsonValue): JsonValue[] =>
  Array.from({ length }, (_, at) => entry(at));

const deepDocument = (levels: number): JsonValue => {
  let document: JsonValue = 'end';
  for (let level = 0; level < levels; level += 1) document = level % 2 === 0 ? [document] : { a: document };
  return document;
};

/** Each definition asks for the next one twice: checking takes two to the power of their number. */
const doubling = (count: number): JsonObject => ({
  $ref: '#/$defs/d0',
  $defs: Object.fromEntries(
    list(count, (at) => {
      const next = at === count - 1 ? { type: 'string' } : { $ref: `#/$defs/d${at + 1}` };
      return { allOf: [next, next] };
    }).map((definition, at) => [`d${at}`, definition]),
  ),
});

const PATTERNS = [
  '^(a+)+$',
  '^(a|aa)+$',
  '^(a|a?)+$',
  '^([a-zA-Z]+)*$',
  '(x+x+)+y',
  '^(.*a){25}$',
  '(.*)*(.*)*(.*)*b',
  '(a?){40}a{40}',
  '^(([a-z])+.)+[A-Z]([a-z])+$',
  '(?=a)b',
  '(a)\\1',
  '[',
  '(((((((((((((((((((((((((((((((a*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*',
  'x{1000}{1000}',
  '((a{100}){100}){100}',
  '\\p{L}{900}\\p{N}{900}',
  `(${'a|'.repeat(450)}b)*c`,
  'a'.repeat(5_000),
];
const TEXTS = ['a'.repeat(50_000), `${'ab'.repeat(25_000)}!`, 'x'.repeat(50_000)];

const patterns: HostileInput[] = PATTERNS.flatMap((pattern, at) =>
  TEXTS.map((text, which) => ({
    name: `pattern ${at} over text ${which}`,
    schema: { type: 'string', pattern },
    document: text,
  })),
);

const named = JSON.parse(
  '{"type":"object","properties":{"__proto__":{"type":"number"},"constructor":{"type":"number"}},"required":["constructor"]}',
) as JsonObject;

const schemas: HostileInput[] = [
  { name: 'none', schema: [] as unknown as JsonObject },
  { name: 'a text', schema: 'schema' as unknown as JsonObject },
  { name: 'null', schema: null as unknown as JsonObject },
  { name: 'a type that is none', schema: { type: 'text' } },
  { name: '$async', schema: { $async: true, type: 'object' } },
  { name: '$async within', schema: { properties: { a: { $async: true } } } },
  { name: 'a remote reference', schema: { $ref: 'http://169.254.169.254/latest/meta-data' } },
  { name: 'a file', schema: { $ref: 'file:///etc/passwd' } },
  { name: 'a reference to nothing', schema: { $ref: '#/$defs/none' } },
  { name: 'another dialect', schema: { $schema: 'http://json-schema.org/draft-04/schema#' } },
  { name: 'a reference to itself', schema: { $ref: '#' }, document: 1 },
  { name: 'all of itself', schema: { allOf: [{ $ref: '#' }] }, document: {} },
  { name: 'any of itself', schema: { anyOf: [{ $ref: '#' }, { $ref: '#' }] }, document: {} },
  { name: 'not itself', schema: { not: { $ref: '#' } }, document: {} },
  { name: '500 properties', schema: { properties: properties(500) }, document: {} },
  { name: '2,000 properties', schema: { properties: properties(2_000) }, document: {} },
  { name: '3,000 properties', schema: { properties: properties(3_000) }, document: {} },
  { name: '20,000 properties', schema: { properties: properties(20_000) }, document: {} },
  { name: '60 levels', schema: nested(60, (inner) => ({ properties: { a: inner } })), document: {} },
  { name: '10,000 levels', schema: nested(10_000, (inner) => ({ properties: { a: inner } })) },
  { name: '10,000 levels of not', schema: nested(10_000, (inner) => ({ not: inner })) },
  { name: '100 levels of not', schema: nested(100, (inner) => ({ not: inner })), document: 'a' },
  {
    name: '50 levels of anyOf',
    schema: nested(50, (inner) => ({ anyOf: [inner, { type: 'null' }] })),
    document: 1,
  },
  { name: 'doubling 12', schema: doubling(12), document: 5 },
  { name: 'doubling 30', schema: doubling(30), document: 5 },
  { name: 'doubling 60', schema: doubling(60), document: 'fits' },
  { name: 'doubling 900', schema: doubling(900), document: 'fits' },
  { name: 'a long enum', schema: { enum: list(20_000, (at) => `value ${at}`) }, document: 'none of them' },
  { name: 'a long enum of objects', schema: { enum: list(10_000, (at) => ({ at })) }, document: { at: -1 } },
  { name: 'a huge enum', schema: { enum: list(50_000, (at) => at) } },
  { name: 'a huge const', schema: { const: 'x'.repeat(1_000_000) } },
  { name: 'many alternatives', schema: { anyOf: list(2_000, (at) => ({ const: at })) }, document: 'none' },
  {
    name: 'alternatives of alternatives',
    schema: {
      allOf: list(12, (of) => ({ anyOf: list(12, (at) => ({ properties: { [`p${of}`]: { const: at } } })) })),
    },
    document: {},
  },
  {
    name: 'names of prototypes',
    schema: named,
    document: JSON.parse('{"__proto__":{"polluted":1}}') as JsonValue,
  },
  { name: 'a definition named __proto__', schema: JSON.parse('{"$defs":{"__proto__":{}}}') as JsonObject },
  {
    name: 'unevaluated over alternatives',
    schema: {
      anyOf: list(200, (at) => ({ properties: { [`p${at}`]: true } })),
      unevaluatedProperties: false,
    },
    document: { p7: 1, q: 1 },
  },
];

const documents: HostileInput[] = [
  { name: 'unique objects', schema: { uniqueItems: true }, document: list(30_000, (at) => ({ at })) },
  { name: 'few unique objects', schema: { uniqueItems: true }, document: list(100, (at) => ({ at })) },
  { name: 'many wrong entries', schema: { items: { type: 'string' } }, document: list(200_000, (at) => at) },
  { name: 'some wrong entries', schema: { items: { type: 'string' } }, document: list(9_000, (at) => at) },
  { name: '5 MB of text', schema: { type: 'string' }, document: 'x'.repeat(5_000_000) },
  { name: '5 MB of entries', schema: { items: {} }, document: list(1_250_000, () => 1) },
  { name: '10,000 levels of values', schema: {}, document: deepDocument(10_000) },
  { name: '200 levels of values', schema: {}, document: deepDocument(200) },
  {
    name: 'a recursive schema on 250 levels',
    schema: { anyOf: [{ items: { $ref: '#' } }, { type: 'object', properties: { a: { $ref: '#' } } }] },
    document: deepDocument(250),
  },
  {
    name: 'all entries against a long enum',
    schema: { items: { enum: list(5_000, (at) => `value ${at}`) } },
    document: list(5_000, (at) => `none ${at}`),
  },
];

/** A hundred inputs and more, without an end that any of them could come to by itself in time. */
export const HOSTILE_INPUTS: readonly HostileInput[] = [...schemas, ...patterns, ...documents];
