import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { type JsonAnswer, jsonOf, restEvents, streamedText } from '../../helpers/rest-answers.js';

const CONFIG = `${DEFAULT_CONFIG}
  fallback_value: { models: [gemini-3.8-flash], structured: { onMismatch: default, default: { mood: bad } } }
  fallback_model:
    { models: [gemini-3.8-flash], structured: { onMismatch: model, model: gemini-3.5-flash-lite } }
  lax: { models: [gemini-3.8-flash], structured: { enforce: false } }
  hurried: { models: [gemini-3.8-flash], timeoutMs: 4000 }
schemas:
  mood:
    versions:
      "1": { type: object, properties: { old: { type: boolean } }, required: [old] }
      "2": { type: object, properties: { mood: { type: string, enum: [good, bad] } }, required: [mood] }
`;
const schema = {
  type: 'object',
  properties: { mood: { type: 'string', enum: ['good', 'bad'] }, why: { type: 'string' } },
  required: ['mood'],
  additionalProperties: false,
};
const ask = { task: 'chat', prompt: 'How is the heron?', schema };
const GENERATE = { match: { operation: 'generateContent' } };
const STREAM = { match: { operation: 'streamGenerateContent' } };
const WRONG = '{"mood":"so-so"}';
const VALID = '{"mood":"good"}';

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest({ config: CONFIG });
});
afterEach(() => under.emulator.scenarios.clear());
afterAll(() => under.close());

const generate = (body: object): Promise<JsonAnswer> => jsonOf(under.call('/v1/generate', body));

/** What the upstream was asked since. */
function callsSince(): () => readonly { readonly outcome: string; readonly aborted: boolean }[] {
  const before = under.upstreamCalls().length;
  return () => under.upstreamCalls().slice(before);
}

describe('POST /v1/generate with a schema', () => {
  it('answers with the document and what it went through', async () => {
    const calls = callsSince();
    const { status, json } = await generate(ask);
    expect(status).toBe(200);
    expect(JSON.parse(String(json['text']))).toEqual(json['json']);
    expect(json['structured']).toEqual({ valid: true, repaired: false, reasked: false, relaxed: [] });
    expect(calls()).toHaveLength(1);
  });

  it('takes a schema of the configuration by name and version, and refuses others', async () => {
    const { schema: _schema, ...named } = { ...ask, schemaName: 'mood' };
    const newest = await generate(named);
    expect(newest.json['json']).toEqual({ mood: expect.stringMatching(/^(?:good|bad)$/) });
    const older = await generate({ ...named, schemaVersion: '1' });
    expect(older.json['json']).toEqual({ old: expect.any(Boolean) });
    for (const [wrong, field] of [
      [{ schemaName: 'mud' }, 'schemaName'],
      [{ schemaVersion: '3' }, 'schemaVersion'],
      [{ schema }, 'schemaName'],
    ] as const) {
      const refused = await generate({ ...named, ...wrong });
      expect(refused).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST', field } });
    }
    const lone = await generate({ task: 'chat', prompt: 'x', schemaVersion: '1' });
    expect(lone).toMatchObject({ status: 400, json: { field: 'schemaName' } });
  });

  it.each([
    ['a fence', '```json\n{"mood":"good"}\n```'],
    ['a trailing comma', '{"mood":"good",}'],
    ['single quotes', "{'mood':'good'}"],
  ])('repairs %s without asking again', async (_what, text) => {
    under.emulator.scenarios.add({ text, ...GENERATE });
    const calls = callsSince();
    const { json } = await generate(ask);
    expect(json).toMatchObject({
      text: VALID,
      json: { mood: 'good' },
      structured: { valid: true, repaired: true, reasked: false },
    });
    expect(calls()).toHaveLength(1);
  });

  it('repairs an answer that was cut where that gives a valid one, and says that it was cut', async () => {
    const response = {
      candidates: [
        { content: { parts: [{ text: '{"mood":"bad","why":"it ra' }] }, finishReason: 'MAX_TOKENS' },
      ],
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 5, totalTokenCount: 8 },
    };
    const upstream = { kind: 'raw' as const, rawBody: JSON.stringify(response), ...GENERATE };
    under.emulator.scenarios.add(upstream);
    const { json } = await generate(ask);
    expect(json).toMatchObject({
      json: { mood: 'bad', why: 'it ra' },
      finishReason: 'MAX_TOKENS',
      structured: { repaired: true },
      warnings: ['The answer was cut at its longest allowed length.'],
    });
    const hopeless = { candidates: [{ content: { parts: [{ text: '{"mo' }] }, finishReason: 'MAX_TOKENS' }] };
    under.emulator.scenarios.add({ ...upstream, rawBody: JSON.stringify(hopeless) });
    const calls = callsSince();
    expect(await generate(ask)).toMatchObject({ status: 422, json: { code: 'SCHEMA_MISMATCH' } });
    expect(calls()).toHaveLength(1);
  });

  it('asks once more after an invalid answer; both answers are in the record', async () => {
    under.emulator.scenarios.add({ text: WRONG, ...GENERATE });
    const calls = callsSince();
    const { json, headers } = await generate(ask);
    expect(json).toMatchObject({
      json: { mood: expect.any(String) },
      structured: { valid: true, reasked: true },
    });
    expect(calls()).toHaveLength(2);
    expect([json['route'], headers['x-gateway-attempts']]).toMatchObject([{ attempts: 2 }, '2']);
    const explained = await jsonOf(under.call(`/v1/requests/${String(json['id'])}/explain`));
    const { usage } = json as { usage: { totalTokens: number } };
    expect(explained.json).toMatchObject({
      structured: { valid: true, reasked: true },
      attempts: [{ error: 'SCHEMA_MISMATCH', trouble: 'mismatch' }, {}],
    });
    const total = (explained.json['usage'] as { totalTokens: number }).totalTokens;
    const first =
      (explained.json['attempts'] as { usage: { totalTokens: number } }[])[0]?.usage.totalTokens ?? 0;
    expect(first).toBeGreaterThan(0);
    expect(total).toBe(usage.totalTokens + first);
  });

  it('fails after two invalid answers, with what is wrong and the text, which no log holds', async () => {
    under.emulator.scenarios.add({ text: '{"mood":"secretive"}', times: 2, ...GENERATE });
    const calls = callsSince();
    const { status, json } = await generate(ask);
    expect(status).toBe(422);
    expect(json).toMatchObject({
      code: 'SCHEMA_MISMATCH',
      errors: [{ path: '/mood', message: expect.any(String), keyword: 'enum' }],
      text: '{"mood":"secretive"}',
    });
    expect(calls()).toHaveLength(2);
    await eventually(() => under.logText().includes(String(json['requestId'])), 'the line of the request');
    expect(under.logText()).not.toContain('secretive');
    const metrics = await (await under.call('/metrics')).body.text();
    expect(metrics).toMatch(/gateway_schema_mismatches_total\{task="chat",ended="error"\} \d/);
    expect(metrics).toMatch(/gateway_structured_answers_total\{task="chat",result="repaired"\} \d/);
  });

  it('never asks a third time, however often the answer is invalid', async () => {
    under.emulator.scenarios.add({ text: 'I would rather not.', times: 0, ...GENERATE });
    const calls = callsSince();
    expect((await generate(ask)).json['code']).toBe('SCHEMA_MISMATCH');
    expect(calls()).toHaveLength(2);
  });

  it('gives the default of the task instead', async () => {
    under.emulator.scenarios.add({ text: WRONG, times: 0, ...GENERATE });
    const { status, json } = await generate({ ...ask, task: 'fallback_value' });
    expect([status, json]).toMatchObject([
      200,
      { text: '{"mood":"bad"}', json: { mood: 'bad' }, structured: { valid: true, instead: 'default' } },
    ]);
  });

  it('asks the other model of the task instead, once', async () => {
    under.emulator.scenarios.add({
      text: WRONG,
      times: 0,
      match: { model: 'gemini-3.8-flash', operation: 'generateContent' },
    });
    const calls = callsSince();
    const { json } = await generate({ ...ask, task: 'fallback_model' });
    expect(json).toMatchObject({
      model: 'gemini-3.5-flash-lite',
      structured: { valid: true, instead: 'model' },
    });
    expect(calls()).toHaveLength(3);
  });

  it('passes wrong answers on, marked, where the task does not insist', async () => {
    under.emulator.scenarios.add({ text: 'no JSON', times: 0, ...GENERATE });
    const { status, json } = await generate({ ...ask, task: 'lax' });
    expect([status, json]).toMatchObject([
      200,
      { text: 'no JSON', structured: { valid: false }, warnings: ['The answer is no valid JSON.'] },
    ]);
    expect(json).not.toHaveProperty('json');
  });

  it('does not ask again where the deadline leaves no time for it', async () => {
    under.emulator.scenarios.add({ text: WRONG, delayMs: 2_200, times: 0, ...GENERATE });
    const calls = callsSince();
    expect((await generate({ ...ask, task: 'hurried' })).json['code']).toBe('SCHEMA_MISMATCH');
    expect(calls()).toHaveLength(1);
  });

  it('tells Gemini less of a schema that it refuses, and says so', async () => {
    const wide = {
      type: 'object',
      properties: { list: { type: 'array', items: { type: 'string' }, maxItems: 20 } },
      required: ['list'],
    };
    under.emulator.scenarios.add({ kind: 'schema-too-complex', ...GENERATE });
    const calls = callsSince();
    const { json } = await generate({ ...ask, schema: wide });
    expect(json).toMatchObject({
      json: { list: expect.any(Array) },
      structured: { valid: true, relaxed: [{ path: '/properties/list/maxItems', keyword: 'maxItems' }] },
    });
    expect(calls().map(({ outcome }) => outcome)).toEqual(['schema-too-complex', 'ok']);
  });
});

describe('POST /v1/generate with a schema, streamed', () => {
  const stream = async (body: object) =>
    restEvents(await (await under.call('/v1/generate', { ...body, stream: true })).body.text());

  it('has the document and its report in the last event', async () => {
    const events = await stream(ask);
    const done = events.at(-1);
    expect(done?.event).toBe('done');
    expect(done?.data['json']).toEqual(JSON.parse(streamedText(events)));
    expect(done?.data['structured']).toMatchObject({ valid: true, repaired: false });
  });

  it('stops the upstream at the first wrong character', async () => {
    const text = `{"why":"because","mood":"terrible","more":"${'x'.repeat(2_000)}"}`;
    under.emulator.scenarios.add({ text, chunks: 100, chunkDelayMs: 20, times: 0, ...STREAM });
    const events = await stream(ask);
    expect(events.at(-1)).toMatchObject({
      event: 'error',
      data: {
        code: 'SCHEMA_MISMATCH',
        errors: [{ path: '/mood', keyword: 'enum' }],
        text: expect.stringMatching(/^\{"why":"because","mood":"t/),
      },
    });
    expect(events.slice(0, -1).every(({ event }) => event === 'delta')).toBe(true);
    const call = under.upstreamCalls().at(-1);
    await eventually(() => call?.aborted === true, 'the end of the upstream call');
    expect(under.emulator.scenarios.list()).toHaveLength(1);
  });

  it('asks again where the first piece is wrong already: the caller sees the second answer alone', async () => {
    under.emulator.scenarios.add({ text: 'Well, it is good, I think.', ...STREAM });
    const calls = callsSince();
    const events = await stream(ask);
    expect(events.at(-1)).toMatchObject({
      event: 'done',
      data: { structured: { reasked: true, valid: true } },
    });
    expect(streamedText(events)).not.toContain('Well');
    expect(calls()).toHaveLength(2);
  });

  it('never asks again after its first piece', async () => {
    under.emulator.scenarios.add({ text: '{"why":"it is"}', chunks: 3, times: 0, ...STREAM });
    const calls = callsSince();
    expect((await stream(ask)).at(-1)).toMatchObject({
      event: 'error',
      data: { code: 'SCHEMA_MISMATCH', errors: [{ keyword: 'required' }] },
    });
    expect(calls()).toHaveLength(1);
  });

  it('gives the document of an answer that had to be repaired', async () => {
    under.emulator.scenarios.add({ text: '```json\n{"mood":"good",}\n```', chunks: 4, ...STREAM });
    expect((await stream(ask)).at(-1)).toMatchObject({
      event: 'done',
      data: { json: { mood: 'good' }, structured: { valid: true, repaired: true } },
    });
  });
});
