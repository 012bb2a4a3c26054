import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { isJsonObject } from '../../../../src/core/json.js';
import { parseJsonBody } from '../../../../src/transport/http/json-body.js';

const AMPLE = { maxDepth: 1_000, maxValues: 1_000_000 };
const invalid = expect.objectContaining({ reason: 'INVALID_REQUEST' });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

describe('parseJsonBody', () => {
  it('gives what JSON.parse gives, or refuses', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'a', '1', ' '))
        .map((all) => all.join('')),
      fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const expected = parsed(text);
        if (isJsonObject(expected)) expect(parseJsonBody(text, AMPLE)).toEqual({ text, value: expected });
        else expect(() => parseJsonBody(text, AMPLE)).toThrow(invalid);
      }),
      { numRuns: 500 },
    );
  });

  it.each(['[]', 'null', '7', '"{}"', 'true'])('refuses %s, which is no object', (text) => {
    expect(() => parseJsonBody(text, AMPLE)).toThrow('The body must be a JSON object.');
  });

  it('says where the text is broken, without quoting it', () => {
    const broken = () => parseJsonBody('{"secret":1,, "b":2}', AMPLE);
    expect(broken).toThrow('The body is not valid JSON (at character 12).');
    expect(() => parseJsonBody('', AMPLE)).toThrow('The body is empty; a JSON object is needed.');
    expect(() => parseJsonBody('{', AMPLE)).toThrow('The body is not valid JSON');
  });

  it('takes as many levels as it may and no more', () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
    const bounds = { maxDepth: 5, maxValues: 100 };
    expect(parseJsonBody(nested(5), bounds).text).toBe(nested(5));
    expect(() => parseJsonBody(nested(6), bounds)).toThrow('nested deeper than 5 levels');
    expect(parseJsonBody('{"a":[],"b":[],"c":[[]]}', { ...bounds, maxDepth: 3 }).value).toHaveProperty('c');
  });

  it('takes as many values as it may and no more', () => {
    const bounds = { maxDepth: 5, maxValues: 6 };
    expect(parseJsonBody('{"a":1,"b":[1,2]}', bounds).value).toEqual({ a: 1, b: [1, 2] });
    expect(() => parseJsonBody('{"a":1,"b":[1,2,3,4]}', bounds)).toThrow('holds more than 6 values');
    expect(() => parseJsonBody('{"a":{},"b":{},"c":{},"d":{}}', bounds)).toThrow(invalid);
  });

  it.each([
    String.raw`{"a":"[[[[[[,,,,,,"}`,
    String.raw`{"a":"\"[[[[[[,,,,,,"}`,
    String.raw`{"a":"\\","b":"[[[[[[,,,,"}`,
    String.raw`{"a":"\\\"[[[[[[,,,,,"}`,
    String.raw`{"[[[[[[,,,,,,\"":"\\\\"}`,
  ])('counts nothing within strings: %s', (text) => {
    expect(parseJsonBody(text, { maxDepth: 2, maxValues: 4 }).value).toEqual(JSON.parse(text));
  });

  it('looks behind strings again', () => {
    expect(() => parseJsonBody(String.raw`{"a":"\\","b":[[[1]]]}`, { maxDepth: 3, maxValues: 100 })).toThrow(
      'nested deeper',
    );
  });

  it('refuses 100,000 levels, and text that only begins, at once', () => {
    const began = performance.now();
    expect(() => parseJsonBody('['.repeat(100_000), { maxDepth: 100, maxValues: 1_000_000 })).toThrow(
      'nested',
    );
    expect(() => parseJsonBody(`{"a":"${'\\'.repeat(99_999)}`, AMPLE)).toThrow(invalid);
    expect(() => parseJsonBody(`{"a":"${'x'.repeat(5_000_000)}`, AMPLE)).toThrow(invalid);
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it('keeps a field named __proto__ a plain field', () => {
    const { value } = parseJsonBody('{"__proto__":{"polluted":true}}', AMPLE);
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
