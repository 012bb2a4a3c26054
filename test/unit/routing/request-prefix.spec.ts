import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { afterPrefix, prefixBody, prefixesOf } from '../../../src/routing/request-prefix.js';

/** A token for each character, which makes lengths plain. */
const estimate = (part: Readonly<JsonObject>): number => [...JSON.stringify(part).matchAll(/z/g)].length;
const says = (...texts: string[]): JsonObject => ({ role: 'user', parts: texts.map((text) => ({ text })) });
const LONG = 'z'.repeat(100);
const of = (request: JsonObject, minTokens = 50) => prefixesOf(request, minTokens, estimate);
const system: JsonObject = { parts: [{ text: LONG }] };
const hashesOf = (request: JsonObject): readonly string[] => of(request).map(({ hash }) => hash);

describe('the beginnings of a request', () => {
  it('are system and tools, then contents, the longest first, and never all of it', () => {
    const prefixes = of({ systemInstruction: system, contents: [says(LONG), says(LONG), says('why?')] });
    expect(prefixes.map(({ contents, tokens }) => [contents, tokens])).toEqual([
      [2, 300],
      [1, 200],
      [0, 100],
    ]);
  });

  it('may end within the first content, and nowhere in the last part', () => {
    const prefixes = of({ contents: [says(LONG, LONG, 'why?')] });
    expect(prefixes.map(({ contents, tokens }) => [contents, tokens])).toEqual([
      [undefined, 200],
      [undefined, 100],
    ]);
    expect(of({ contents: [says(LONG)] })).toEqual([]);
  });

  it('are long enough to count', () => {
    expect(of({ contents: [says('z'.repeat(49)), says('why?')] })).toEqual([]);
    expect(of({ contents: [says('z'.repeat(50)), says('why?')] })).toHaveLength(1);
  });

  it.each<[string, JsonValue | undefined, JsonObject]>([
    ['there are no contents', undefined, {}],
    ['they are none', [], {}],
    ['the caller names a cache itself', [says(LONG), says('why?')], { cachedContent: 'cachedContents/mine' }],
  ])('are none where %s', (_, contents, more) => {
    expect(of({ ...(contents === undefined ? {} : { contents }), ...more })).toEqual([]);
  });

  it('are the same whatever comes after them', () => {
    const [longest, shorter] = hashesOf({ systemInstruction: system, contents: [says(LONG), says('why?')] });
    const other = hashesOf({
      systemInstruction: system,
      contents: [says(LONG), says('when?'), says('and?')],
    });
    expect(other).toContain(longest);
    expect(hashesOf({ systemInstruction: system, contents: [says('how?')] })).toEqual([shorter]);
  });

  it.each<[string, JsonObject]>([
    ['another system instruction', { systemInstruction: { parts: [{ text: `${LONG}.` }] } }],
    ['a tool', { tools: [{ googleSearch: {} }] }],
    ['another tool setting', { toolConfig: { functionCallingConfig: { mode: 'ANY' } } }],
    ['another role', { contents: [{ ...says(LONG), role: 'model' }, says('why?')] }],
    ['another text', { contents: [says(`${LONG}!`), says('why?')] }],
    ['other parts of the same text', { contents: [says(LONG.slice(1), 'z'), says('why?')] }],
    ['a field that nobody knows', { contents: [{ ...says(LONG), unknown: 1 }, says('why?')] }],
  ])('are others with %s', (_, change) => {
    const request = { systemInstruction: system, contents: [says(LONG), says('why?')] };
    expect(hashesOf({ ...request, ...change })[0]).not.toBe(hashesOf(request)[0]);
  });

  it('are looked at up to a length', () => {
    const endless = 'z'.repeat(8_388_609);
    expect(of({ systemInstruction: system, contents: [says(endless), says('why?')] })).toHaveLength(1);
  });
});

describe('a request whose beginning is kept', () => {
  const request = {
    systemInstruction: system,
    tools: [{ googleSearch: {} }],
    toolConfig: { functionCallingConfig: { mode: 'AUTO' } },
    generationConfig: { temperature: 0 },
    unknown: true,
    contents: [says('document'), says('why?')],
  };

  it('names it, and has only what comes after', () => {
    expect(afterPrefix(request, 1, 'cachedContents/a')).toEqual({
      generationConfig: { temperature: 0 },
      unknown: true,
      contents: [says('why?')],
      cachedContent: 'cachedContents/a',
    });
  });

  it('has it made of what it leaves out', () => {
    const { systemInstruction, tools, toolConfig } = request;
    expect(prefixBody(request, 1)).toEqual({
      systemInstruction,
      tools,
      toolConfig,
      contents: [says('document')],
    });
    expect(prefixBody({ systemInstruction, contents: [says('why?')] }, 0)).toEqual({ systemInstruction });
  });
});
