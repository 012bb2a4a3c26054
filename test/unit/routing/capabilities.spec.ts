import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import { needsOf, unmet, type ModelCapabilities } from '../../../src/routing/capabilities.js';

const ABLE: ModelCapabilities = {
  inputModalities: ['text', 'image', 'audio', 'video', 'pdf'],
  outputModalities: ['text', 'image'],
  contextTokens: 100,
  tools: true,
  structuredOutput: true,
};

const asking = (...parts: JsonObject[]): JsonObject => ({ contents: [{ role: 'user', parts }] });
const media = (mimeType: string) => asking({ inlineData: { mimeType, data: 'AA==' } });
const file = (fileUri: string) => asking({ fileData: { mimeType: 'text/plain', fileUri } });

describe('needsOf', () => {
  it.each([
    ['image/png', 'image'],
    ['IMAGE/PNG', 'image'],
    ['audio/mp3', 'audio'],
    ['video/mp4', 'video'],
    ['application/pdf', 'pdf'],
    ['text/csv', 'text'],
    ['application/json', 'text'],
    ['odd', 'text'],
  ])('takes %s for %s', (mimeType, modality) => {
    expect([...needsOf(media(mimeType)).input]).toEqual([modality]);
    expect([...needsOf(asking({ fileData: { mimeType, fileUri: 'gs://a/b' } })).input]).toEqual([modality]);
  });

  it('needs nothing for text', () => {
    expect(needsOf(asking({ text: 'Hello' }))).toEqual({
      input: new Set(),
      output: new Set(),
      tools: false,
      structuredOutput: false,
      keptResources: false,
      leastInputTokens: 0,
    });
  });

  it('counts the texts of all contents and of the system instruction, and no base64', () => {
    const parts = [{ text: 'x'.repeat(60) }];
    const request = {
      contents: [
        { parts },
        { parts: [...parts, { inlineData: { mimeType: 'image/png', data: 'x'.repeat(500) } }] },
      ],
      systemInstruction: { parts },
    };
    expect(needsOf(request).leastInputTokens).toBe(15);
  });

  it.each([
    [{ functionDeclarations: [] }, true],
    [{ googleSearch: {} }, false],
  ])('sees in %j whether functions are declared', (tool, tools) => {
    expect(needsOf({ contents: [], tools: [tool] }).tools).toBe(tools);
  });

  it.each([
    [{ responseSchema: {} }, true],
    [{ responseJsonSchema: {} }, true],
    [{ responseMimeType: 'application/json' }, false],
  ])('sees in %j whether a schema is to be followed', (generationConfig, structuredOutput) => {
    expect(needsOf({ generationConfig }).structuredOutput).toBe(structuredOutput);
  });

  it('reads the kinds of output asked for', () => {
    const generationConfig = { responseModalities: ['TEXT', 'IMAGE', 'AUDIO', 'SMELL', 7] };
    expect([...needsOf({ generationConfig }).output]).toEqual(['image', 'audio']);
  });

  it.each([
    ['https://generativelanguage.googleapis.com/v1beta/files/abc-1', true],
    ['https://gateway.internal/gemini/v1/files/abc', true],
    ['gs://bucket/v1beta/files', false],
    ['https://example.com/files/abc.pdf', false],
    ['https://example.com/v1beta/files/a/b', false],
  ])('knows of %s whether a project keeps it: %p', (uri, kept) => {
    expect(needsOf(file(uri)).keptResources).toBe(kept);
  });

  it('takes cached content for something that a project keeps', () => {
    expect(needsOf({ contents: [], cachedContent: 'cachedContents/1' }).keptResources).toBe(true);
  });

  it('bears requests that are none', () => {
    const values: JsonValue[] = [null, 7, 'x', [null, 7], { parts: [null] }];
    for (const odd of values)
      expect(
        needsOf({ contents: odd, systemInstruction: odd, tools: odd, generationConfig: odd }),
      ).toMatchObject({ leastInputTokens: 0, tools: false });
  });
});

describe('unmet', () => {
  const all = needsOf({
    ...media('audio/mp3'),
    tools: [{ functionDeclarations: [] }],
    generationConfig: { responseSchema: {}, responseModalities: ['IMAGE'] },
  });

  it('finds nothing that an able model lacks', () => {
    expect(unmet(ABLE, all)).toBeUndefined();
  });

  it.each([
    [{ inputModalities: ['text'] }, 'takes no audio input'],
    [{ outputModalities: ['text'] }, 'gives no image output'],
    [{ tools: false }, 'takes no function declarations'],
    [{ structuredOutput: false }, 'gives no structured output'],
  ] as const)('says what a model of %j lacks', (less, why) => {
    expect(unmet({ ...ABLE, ...less }, all)).toBe(why);
  });

  it('refuses only what is too long for sure', () => {
    const long = (characters: number) => needsOf(asking({ text: 'x'.repeat(characters) }));
    expect(unmet(ABLE, long(1_211))).toBeUndefined();
    expect(unmet(ABLE, long(1_212))).toBe('takes at most 100 tokens');
  });
});
