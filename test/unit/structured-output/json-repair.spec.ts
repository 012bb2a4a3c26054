import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonValue } from '../../../src/core/json.js';
import { cpuMs } from '../../helpers/cpu-time.js';
import { repairedJson as repair } from '../../../src/structured-output/json-repair.js';

const container = fc
  .jsonValue({ maxDepth: 4 })
  .filter((value) => typeof value === 'object' && value !== null) as fc.Arbitrary<JsonValue>;

/** The document that a text is repaired to. */
async function repairedJson(text: string): Promise<JsonValue | undefined> {
  const repaired = await repair(text);
  return 'document' in repaired ? repaired.document : undefined;
}

describe('repairedJson', () => {
  it('gives valid objects and lists back as they are', async () => {
    await fc.assert(
      fc.asyncProperty(container, async (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(await repairedJson(text))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it.each([
    ['a fence', '```json\n{"a":1}\n```', { a: 1 }],
    ['a fence that nothing closes', '```\n[1,2]\n', [1, 2]],
    ['words before a fence', 'Here you are:\n```json\n{"a":"b"}\n```\nAnything else?', { a: 'b' }],
    ['trailing commas', '{"a":[1,2,],"b":{"c":3,},}', { a: [1, 2], b: { c: 3 } }],
    ['a line break in a text', '{"a":"one\ntwo\tthree"}', { a: 'one\ntwo\tthree' }],
    ['a text that breaks off', '{"a":[1,{"b":"begi', { a: [1, { b: 'begi' }] }],
    ['an escape that breaks off', '{"a":"x\\u00', { a: 'x' }],
    ['a name that breaks off', '{"a":1,"na', { a: 1 }],
    ['a member without a value', '{"a":1,"b":', { a: 1 }],
    ['a literal that breaks off', '{"a":1,"b":tr', { a: 1 }],
    ['a comma that breaks off', '[1,2,', [1, 2]],
    ['single quotes and Python', "{'a': True, 'b': None,}", { a: true, b: null }],
    ['names without quotes', '{a: 1, b_2: "x"}', { a: 1, b_2: 'x' }],
    ['a bracket that is missing', '{"a":[1}', { a: [1] }],
    ['comments', '{"a": 1, // one\n "b": 2}', { a: 1, b: 2 }],
  ])('mends %s', async (_what, text, document) => {
    expect(await repairedJson(text)).toEqual(document);
  });

  it.each([
    ['prose', 'I am sorry, I cannot do that.'],
    ['prose in place of a value', '{"answer": I think so}'],
    ['one word in place of a value', '{"answer": maybe}'],
    ['prose with an apostrophe', '["it is Ann\'s", well]'],
    ['nothing', ''],
    ['a text of its own', '"only a text"'],
    ['a number', '42'],
    ['two documents', '{"a":1}\n{"b":2}'],
  ])('makes nothing of %s', async (_what, text) => {
    expect(await repairedJson(text)).toBeUndefined();
  });

  it('mends with less care no deeper than 64 levels', async () => {
    const deep = (levels: number) => `${"{'a':".repeat(levels)}'b'${'}'.repeat(levels)}`;
    expect(await repairedJson(deep(64))).toBeDefined();
    expect(await repairedJson(deep(65))).toBeUndefined();
  });

  it('never makes up the rest of a number', async () => {
    expect(await repairedJson('{"a":12')).toEqual({});
    expect(await repairedJson('{a:12')).toBeUndefined();
    expect(await repairedJson('[1,2,-')).toEqual([1, 2]);
  });

  it('keeps names like __proto__ plain names', async () => {
    const document = (await repairedJson('{"__proto__":{"x":1},"constructor":2,}')) as object;
    expect(Object.keys(document)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(document)).toBe(Object.prototype);
  });

  it('makes an object of an object cut anywhere, with nothing in it that was not there', async () => {
    await fc.assert(
      fc.asyncProperty(container, fc.double({ min: 0, max: 1, noNaN: true }), async (value, share) => {
        const text = JSON.stringify(value);
        const cut = text.slice(0, Math.max(1, Math.floor(text.length * share)));
        const document = await repairedJson(cut);
        expect(Array.isArray(document)).toBe(Array.isArray(value));
        expect(isWithin(document, JSON.parse(text) as JsonValue)).toBe(true);
      }),
    );
  });

  it('lets others have their turn while it reads a long text', async () => {
    let turns = 0;
    let reading = true;
    const count = (): void => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    await repairedJson(`[${'1,'.repeat(1_000_000)}`);
    reading = false;
    expect(turns).toBeGreaterThan(20);
  });

  it('takes any text at all without failing or hanging', async () => {
    const noise = fc.string({
      unit: fc.constantFrom(...'{}[]",:\\`\'/*.+-e1tfn ua\n'.split('')),
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(noise, async (text) => {
        await expect(repairedJson(text)).resolves.not.toBe(null);
      }),
    );
  });

  it.each([
    ['10,000 levels', '['.repeat(10_000)],
    ['10,000 levels of objects', '{"a":'.repeat(10_000)],
    ['levels that only jsonrepair reads', "['a',".repeat(1_000)],
    ['quotes', `{"a":${'"'.repeat(8_000)}`],
    ['more quotes', `["${'a" '.repeat(1_000_000)}`],
    ['slips without end', `[${'1,],['.repeat(1_000_000)}`],
    ['line breaks without end', `["${'\n'.repeat(5_000_000)}"]`],
    ['calls', 'a('.repeat(4_000)],
    ['backticks', '`'.repeat(5_000_000)],
    ['a text of 5 MB that breaks off', `{"a":"${'x'.repeat(5_000_000)}`],
  ])('bears %s at little cost', async (_what, text) => {
    const startedMs = cpuMs();
    await repairedJson(text);
    expect(cpuMs() - startedMs).toBeLessThan(2_000);
  });
});

/** Whether a document is another one less something at its end. */
function isWithin(part: JsonValue | undefined, whole: JsonValue): boolean {
  if (part === undefined) return true;
  if (typeof part === 'string') return typeof whole === 'string' && whole.startsWith(part);
  if (Array.isArray(part))
    return Array.isArray(whole) && part.every((item, index) => isWithin(item, whole[index] ?? null));
  if (typeof part === 'object' && part !== null)
    return Object.entries(part).every(([name, value]) =>
      isWithin(value, (whole as Record<string, JsonValue>)[name] ?? null),
    );
  return Object.is(part, whole) || part === whole;
}
