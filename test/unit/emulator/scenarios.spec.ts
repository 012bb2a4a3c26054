import { request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { GenerateContentResponse } from '../../../src/core/gemini-wire.js';
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.js';
import { SCENARIO_KINDS, type ScenarioKind } from '../../../src/emulator/scenario-kinds.js';
import {
  call,
  events,
  generated,
  saying,
  send,
  textOf,
  type WireAnswer,
} from '../../helpers/emulator-client.js';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator();
});
afterEach(() => emulator.scenarios.clear());
afterAll(() => emulator.close());

const unary = (): Promise<WireAnswer> => call(emulator, 'generateContent', saying('Hello'));
const sse = (): Promise<WireAnswer> => call(emulator, 'streamGenerateContent?alt=sse', saying('Hello'));
const list = (): Promise<WireAnswer> => call(emulator, 'streamGenerateContent', saying('Hello'));
const parsed = (answer: WireAnswer): GenerateContentResponse =>
  JSON.parse(answer.text) as GenerateContentResponse;

const REFUSALS: readonly [ScenarioKind, number, string][] = [
  ['bad-key', 400, 'API_KEY_INVALID'],
  ['unauthorized', 401, 'UNAUTHENTICATED'],
  ['forbidden', 403, 'SERVICE_DISABLED'],
  ['not-found', 404, 'models/gemini-3.8-flash is not found for API version v1beta'],
  ['rate-minute', 429, '"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"'],
  ['rate-tokens', 429, 'limit: 3000000, model: gemini-3.8-flash\\nPlease retry in 51.386192716s."'],
  ['rate-day', 429, '"quotaId": "GenerateRequestsPerDayPerProjectPerModel"'],
  ['gate', 429, '"quotaValue": "0"'],
  ['shared-capacity', 429, '"status": "RESOURCE_EXHAUSTED"'],
  ['cancelled-499', 499, 'CANCELLED'],
  ['internal-500', 500, 'INTERNAL'],
  ['unavailable-503', 503, 'The model is overloaded. Please try again later.'],
  ['deadline-504', 504, 'DEADLINE_EXCEEDED'],
];

describe('an error before the first byte', () => {
  it.each(REFUSALS)('%s is HTTP %i in every framing', async (kind, status, part) => {
    emulator.scenarios.add({ kind, times: 3 });
    const [plain, streamed, listed] = [await unary(), await sse(), await list()];
    expect([plain.status, streamed.status, listed.status]).toEqual([status, status, status]);
    expect(plain.text).toContain(part);
    expect(plain.headers['content-type']).toContain('application/json');
    expect(streamed.headers['content-type']).toBe('text/event-stream');
    const same = (answer: WireAnswer): unknown =>
      JSON.parse(answer.text.replace('for streamGenerateContent', 'for generateContent'));
    expect(same(streamed)).toEqual(same(plain));
    expect(same(listed)).toEqual([same(plain)]);
    expect(emulator.ledger.calls.at(-1)).toMatchObject({ status, outcome: kind, inputTokens: 0 });
  });

  it('names no quota when shared capacity ran out', async () => {
    emulator.scenarios.add({ kind: 'shared-capacity' });
    expect((await unary()).text).not.toContain('QuotaFailure');
  });

  it('tells the delay that the scenario wants, in details and prose', async () => {
    emulator.scenarios.add({ kind: 'rate-minute', retryDelayMs: 1500, tier: 'paid-tier-2' });
    const { text } = await unary();
    expect(text).toContain('"retryDelay": "2s"');
    expect(text).toContain('Please retry in 1.5s.');
    expect(text).toContain('PerModel-PaidTier2');
  });

  it.each([
    ['html-404', 404],
    ['html-200', 200],
  ] as const)('%s is a page', async (kind, status) => {
    emulator.scenarios.add({ kind });
    const answer = await sse();
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'text/html; charset=UTF-8']);
    expect(answer.text).toMatch(/^<!DOCTYPE html>/);
  });

  it('raw is whatever the scenario says', async () => {
    emulator.scenarios.add({
      kind: 'raw',
      status: 418,
      rawBody: 'tea',
      contentType: 'text/tea',
      headers: { 'retry-after': '7' },
    });
    expect(await unary()).toMatchObject({
      status: 418,
      text: 'tea',
      headers: { 'content-type': 'text/tea', 'retry-after': '7' },
    });
  });
});

describe('an error in the middle of a stream', () => {
  it('is an event, and the list goes on to its end', async () => {
    emulator.scenarios.add({ kind: 'mid-stream-error-event', times: 2, cutAfterChunks: 2 });
    const [, second, error, ...more] = events((await sse()).text);
    expect(textOf(second!)).not.toBe('');
    expect([error, more]).toEqual([
      { error: expect.objectContaining({ code: 503, status: 'UNAVAILABLE' }) },
      [],
    ]);
    expect(JSON.parse((await list()).text)).toHaveLength(3);
  });

  it('is a bare JSON object in the raw form', async () => {
    emulator.scenarios.add({ kind: 'mid-stream-error-raw' });
    const answer = await sse();
    const start = answer.text.indexOf('\r\n\r\n') + 4;
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text.slice(start))).toEqual({ error: expect.objectContaining({ code: 499 }) });
    expect(answer.text.slice(start)).toMatch(/^\{\n/);
  });
});

describe('an answer without an answer', () => {
  const bare = { finishReason: expect.any(String), index: 0 };
  const shapes: readonly [ScenarioKind, unknown][] = [
    ['prompt-block', undefined],
    ['missing-candidates', undefined],
    ['safety', [{ ...bare, finishReason: 'SAFETY', safetyRatings: expect.any(Array) }]],
    ['recitation', [{ ...bare, finishReason: 'RECITATION' }]],
    ['empty-content', [{ ...bare, finishReason: 'STOP', content: { role: 'model' } }]],
    ['max-tokens-thoughts', [{ ...bare, finishReason: 'MAX_TOKENS', content: {} }]],
    [
      'malformed-function-call',
      [{ ...bare, finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: expect.any(String) }],
    ],
  ];

  it.each(shapes)('%s is billed for its prompt', async (kind, candidates) => {
    emulator.scenarios.add({ kind, times: 2 });
    const response = parsed(await unary());
    expect(response.candidates).toEqual(candidates);
    expect(response.usageMetadata?.promptTokenCount).toBe(2);
    if (kind !== 'recitation') expect(response.usageMetadata).not.toHaveProperty('candidatesTokenCount');
    const last = events((await sse()).text).at(-1);
    expect(last?.candidates).toEqual(candidates);
    expect(emulator.ledger.calls.at(-1)).toMatchObject({ outcome: kind, status: 200, inputTokens: 2 });
  });

  it('says why the prompt was blocked, in one event', async () => {
    emulator.scenarios.add({ kind: 'prompt-block' });
    expect(events((await sse()).text)).toEqual([
      expect.objectContaining({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }),
    ]);
  });

  it('recitation shows text first; no-finish shows all of it and no reason', async () => {
    emulator.scenarios.add([{ kind: 'recitation' }, { kind: 'no-finish' }]);
    expect(events((await sse()).text).length).toBeGreaterThan(1);
    const unfinished = events((await sse()).text);
    expect(textOf(...unfinished)).toContain('Hello');
    expect(unfinished.some((event) => event.candidates?.[0]?.finishReason !== undefined)).toBe(false);
  });
});

describe('an answer that cannot be read', () => {
  it.each(['invalid-json', 'truncated-json'] as const)(
    '%s is 200 and no JSON, and tells no counts',
    async (kind) => {
      emulator.scenarios.add({ kind });
      const answer = await unary();
      expect(answer.status).toBe(200);
      expect(() => parsed(answer)).toThrow(SyntaxError);
      expect(emulator.ledger.calls.at(-1)).toMatchObject({ outcome: kind, inputTokens: 0 });
    },
  );

  it('spoils the last event of a stream', async () => {
    emulator.scenarios.add([{ kind: 'invalid-json' }, { kind: 'truncated-json' }]);
    const invalid = (await sse()).text;
    expect(invalid.endsWith('\r\n\r\n')).toBe(true);
    expect(() => events(invalid)).toThrow(SyntaxError);
    expect((await sse()).text.endsWith('\r\n\r\n')).toBe(false);
  });

  it('is no answer at all after a reset', async () => {
    emulator.scenarios.add({ kind: 'reset-before-headers' });
    await expect(unary()).rejects.toMatchObject({ code: 'ECONNRESET' });
    emulator.scenarios.add({ reset: true });
    await expect(unary()).rejects.toThrow(/terminated|closed/);
  });

  it('breaks off a stream after so many chunks, with and without an end of the body', async () => {
    emulator.scenarios.add([{ cutAfterChunks: 2 }, { cutAfterChunks: 2, reset: true }]);
    expect(events((await sse()).text)).toHaveLength(2);
    await expect(sse()).rejects.toThrow(/terminated|closed/);
    expect(emulator.ledger.calls.slice(-2).map((entry) => [entry.outcome, entry.chunksSent])).toEqual([
      ['cut', 2],
      ['reset', 2],
    ]);
  });
});

describe('a scripted answer', () => {
  it('has the text, the pieces or the body wanted', async () => {
    emulator.scenarios.add([
      { text: 'scripted' },
      { chunks: 3, chunkText: 'la ' },
      { chunks: 4, chunkSize: 10 },
      { response: { candidates: [{ x: 1 }] } },
      { events: [{ responseId: 'a' }, { responseId: 'b' }] },
    ]);
    expect(textOf(await generated(emulator, saying('a')))).toBe('scripted');
    expect(events((await sse()).text).map((event) => textOf(event))).toEqual(['la ', 'la ', 'la ', '']);
    expect(events((await sse()).text).map((event) => textOf(event).length)).toEqual([10, 10, 10, 10, 0]);
    expect(parsed(await unary())).toEqual({ candidates: [{ x: 1 }] });
    expect(events((await sse()).text).map((event) => event.responseId)).toEqual(['a', 'b']);
  });

  it('goes out in slices of their own when asked', async () => {
    emulator.scenarios.add({ sliceBytes: 7 });
    const sizes: number[] = [];
    const parts: Buffer[] = [];
    await new Promise<void>((resolve) => {
      const path = '/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse&key=k';
      const sent = httpRequest(emulator.url + path, { method: 'POST' }, (response) => {
        response.on('data', (chunk: Buffer) => {
          sizes.push(chunk.length);
          parts.push(chunk);
        });
        response.on('end', resolve);
      });
      sent.end(JSON.stringify(saying('🌊')));
    });
    expect(Math.max(...sizes)).toBe(7);
    expect(textOf(...events(Buffer.concat(parts).toString()))).toContain('🌊');
  });
});

describe('matching', () => {
  it('happens as often as asked, once by default, in order', async () => {
    emulator.scenarios.add([{ text: 'one' }, { text: 'two', times: 2 }, { text: 'ever', times: -1 }]);
    const texts = [];
    for (let turn = 0; turn < 5; turn++) texts.push(textOf(parsed(await unary())));
    expect(texts).toEqual(['one', 'two', 'two', 'ever', 'ever']);
    expect(emulator.scenarios.list()).toMatchObject([{ hits: 2 }]);
  });

  it.each([
    [{ model: 'gemini-3.5-flash' }, { model: 'gemini-3.8-flash' }],
    [{ key: 'other' }, { key: 'k' }],
    [{ project: 'other' }, { project: 'k' }],
    [{ text: 'Goodbye' }, { text: 'ell' }],
    [{ operation: 'countTokens' }, { operation: 'generateContent' }],
  ])('passes over %j and takes %j', async (other, own) => {
    emulator.scenarios.add([
      { text: 'wrong', match: other },
      { text: 'right', match: own },
    ]);
    expect(textOf(parsed(await unary()))).toBe('right');
  });

  it('reaches the operations that are no generation', async () => {
    emulator.scenarios.add({ kind: 'unavailable-503', match: { operation: 'countTokens' } });
    expect((await call(emulator, 'countTokens', saying('a'))).status).toBe(503);
    expect((await call(emulator, 'countTokens', saying('a'))).status).toBe(200);
  });
});

describe('/emulator/scenarios', () => {
  const url = (): string => `${emulator.url}/emulator/scenarios`;

  it('adds, lists and forgets', async () => {
    const added = await send(url(), JSON.stringify([{ kind: 'gate' }, { kind: 'silence' }]));
    expect(JSON.parse(added.text)).toEqual({ ids: [expect.any(Number), expect.any(Number)] });
    const listed = await request(url());
    expect(await listed.body.json()).toMatchObject({
      scenarios: [{ scenario: { kind: 'gate' }, hits: 0 }, {}],
    });
    await (await request(url(), { method: 'DELETE' })).body.dump();
    expect(emulator.scenarios.list()).toEqual([]);
  });

  it.each([
    ['{"kind":"gone"}', 'Unknown scenario kind \\"gone\\"'],
    ['{"knid":"gate"}', 'Unknown scenario field \\"knid\\"'],
    ['{"times":"1"}', 'Bad value of scenario field \\"times\\"'],
    ['{"match":{"modle":"x"}}', 'Bad value of scenario field \\"match\\"'],
    ['[{"kind":"gate"},7]', 'A scenario is a JSON object.'],
  ])('refuses %s, all or nothing', async (body, message) => {
    const answer = await send(url(), body);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(message);
    expect(emulator.scenarios.list()).toEqual([]);
  });

  it('names every kind when it refuses one', async () => {
    const { text } = await send(url(), '{"kind":"gone"}');
    expect(Object.keys(SCENARIO_KINDS).filter((kind) => !text.includes(kind))).toEqual([]);
  });
});
