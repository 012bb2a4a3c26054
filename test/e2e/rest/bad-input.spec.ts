import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

/** Stands in every body that is sent here, and must not stand in any log line. */
const GARBAGE = 'garbage-4711';
const ok = { task: 'chat', prompt: GARBAGE };
const media = (data: string, mimeType = 'image/png') => ({ ...ok, media: [{ mimeType, data }] });

describe('bodies that are no request', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ environment: { GATEWAY__SERVER__BODY_LIMIT_BYTES: '16000000' } });
  });
  afterAll(() => under.close());

  const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/generate') =>
    jsonOf(under.call(path, body, { headers }));

  it.each<[what: string, body: unknown, field: string, path?: string]>([
    ['an unknown field', { ...ok, promt: 1 }, 'promt'],
    ['an unknown generation setting', { ...ok, generation: { temprature: 1 } }, 'generation.temprature'],
    [
      'an unknown field of media',
      { ...ok, media: [{ mimeType: 'image/png', uri: 'x', alt: 1 }] },
      'media[0].alt',
    ],
    ['an unknown task', { task: `no-${GARBAGE}`, prompt: 'x' }, 'task'],
    ['a task named like a built-in property', { task: 'constructor', prompt: 'x' }, 'task'],
    ['neither task nor model', { prompt: GARBAGE }, 'task'],
    ['prompt and contents', { ...ok, contents: [{ parts: [{ text: 'x' }] }] }, 'prompt'],
    ['neither prompt nor contents', { task: 'chat' }, 'prompt'],
    ['an empty prompt', { task: 'chat', prompt: '' }, 'prompt'],
    ['a prompt that is no text', { task: 'chat', prompt: 7 }, 'prompt'],
    ['empty contents', { task: 'chat', contents: [] }, 'contents'],
    ['contents that are no list', { task: 'chat', contents: {} }, 'contents'],
    ['contents without parts', { task: 'chat', contents: [{ role: 'user' }] }, 'contents[0].parts'],
    ['no parts', { task: 'chat', contents: [{ parts: [] }] }, 'contents[0].parts'],
    [
      'an unknown role',
      { task: 'chat', contents: [{ role: 'x', parts: [{ text: 'x' }] }] },
      'contents[0].role',
    ],
    [
      'a text that is none',
      { task: 'chat', contents: [{ parts: [{ text: 1 }] }] },
      'contents[0].parts[0].text',
    ],
    ['a temperature out of range', { ...ok, generation: { temperature: 3 } }, 'generation.temperature'],
    ['a topK that is no whole number', { ...ok, generation: { topK: 1.5 } }, 'generation.topK'],
    [
      'a thinking level that is none',
      { ...ok, generation: { thinkingLevel: 'MUCH' } },
      'generation.thinkingLevel',
    ],
    ['a deadline of nothing', { ...ok, timeoutMs: 0 }, 'timeoutMs'],
    ['stream as a text', { ...ok, stream: 'yes' }, 'stream'],
    ['a priority that is none', { ...ok, priority: 'urgent' }, 'priority'],
    ['a feature with a line end', { ...ok, feature: 'a\nb' }, 'feature'],
    ['tags that are no texts', { ...ok, tags: { a: 1 } }, 'tags.a'],
    ['media without data and uri', { ...ok, media: [{ mimeType: 'image/png' }] }, 'media[0]'],
    [
      'media with data and uri',
      { ...ok, media: [{ mimeType: 'image/png', uri: 'x', data: 'eA==' }] },
      'media[0]',
    ],
    ['a media type that is none', { ...ok, media: [{ mimeType: 'png', uri: 'x' }] }, 'media[0].mimeType'],
    ['broken base64', media(`!!${GARBAGE}!!`), 'contents[0].parts[0].inlineData.data'],
    [
      'an image that is none',
      media(Buffer.from(GARBAGE).toString('base64')),
      'contents[0].parts[0].inlineData.data',
    ],
    ['a schema that is no object', { ...ok, schema: [] }, 'schema'],
    ['no texts to embed', { model: 'gemini-embedding-001', texts: [] }, 'texts', '/v1/embed'],
    ['a text to embed that is none', { model: 'gemini-embedding-001', texts: [1] }, 'texts[0]', '/v1/embed'],
    ['nothing to embed', { model: 'gemini-embedding-001' }, 'texts', '/v1/embed'],
    ['a setting that counting has not', { ...ok, stream: true }, 'stream', '/v1/count-tokens'],
  ])('refuses %s and names the field', async (...[, body, field, path]) => {
    const before = under.upstreamCalls().length;
    const { status, json, headers } = await post(body, {}, path);
    expect({ status, code: json['code'], field: json['field'] }).toEqual({
      status: 400,
      code: 'INVALID_REQUEST',
      field,
    });
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(json).toMatchObject({ type: 'about:blank', title: 'invalid request', status: 400 });
    expect(String(json['detail']).length).toBeGreaterThan(10);
    expect(json['requestId']).toBe(headers['x-request-id']);
    expect(under.upstreamCalls().length).toBe(before);
  });

  it('answers 404 for a model that no project serves, and says which are', async () => {
    const { status, json } = await post({ model: 'gemini-0', prompt: GARBAGE });
    expect(status).toBe(404);
    expect(json).toMatchObject({ code: 'MODEL_NOT_FOUND', field: 'model' });
    expect(json['detail']).toContain('gemini-3.8-flash');
  });

  it.each([
    ['malformed JSON', `{"task": ${GARBAGE}}`],
    ['truncated JSON', `{"task": "chat", "prompt": "${GARBAGE}`],
    ['no JSON at all', GARBAGE],
    ['JSON that is no object', `["${GARBAGE}"]`],
    ['nothing', ''],
    ['null', 'null'],
    ['two documents', '{}{}'],
  ])('refuses %s without quoting it', async (_what, body) => {
    const { status, json, text } = await post(body);
    expect({ status, code: json['code'] }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expect(text).not.toContain(GARBAGE);
  });

  it.each([
    ['100,000 levels of arrays', '['.repeat(100_000)],
    ['100,000 levels of objects', '{"a":'.repeat(100_000)],
    [
      '100,000 levels within a known field',
      `{"task":"chat","schema":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
    ],
    ['2,000,000 values', `{"task":"chat","tags":[${'0,'.repeat(2_000_000)}0]}`],
    ['2,000,000 fields', `{${'"a":0,'.repeat(2_000_000)}"b":0}`],
  ])('refuses %s before anything is built', async (_what, body) => {
    const { status, json } = await post(body);
    expect({ status, code: json['code'] }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expect(json['detail']).toMatch(/deeper than 100 levels|more than 1000000 values/);
  });

  it.each(['__proto__', 'constructor', 'prototype'])(
    'takes "%s" for an unknown field and nothing more',
    async (name) => {
      const { json } = await post(`{"task":"chat","prompt":"x","${name}":{"polluted":true}}`);
      expect(json).toMatchObject({ code: 'INVALID_REQUEST', field: name });
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    },
  );

  it('refuses a task that is only inherited', async () => {
    expect((await post('{"__proto__":{"task":"chat","prompt":"x"}}')).json['code']).toBe('INVALID_REQUEST');
  });

  it('answers 413 above the limit, whether the length was declared or not', async () => {
    const body = JSON.stringify({ ...ok, prompt: GARBAGE.repeat(1_500_000) });
    const { status, json } = await post(body);
    expect({ status, code: json['code'] }).toEqual({ status: 413, code: 'REQUEST_TOO_LARGE' });
    const chunked = await jsonOf(
      request(`${under.url}/v1/generate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
        body: Readable.from(body.match(/.{1,1000000}/g) ?? []),
      }),
    );
    expect(chunked.json).toMatchObject({ status: 413, code: 'REQUEST_TOO_LARGE' });
  });

  it.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'nonsense',
  ])('answers 415 for %s', async (type) => {
    const { status, json } = await post(JSON.stringify(ok), { 'content-type': type });
    expect({ status, code: json['code'] }).toEqual({ status: 415, code: 'INVALID_REQUEST' });
    expect(json['detail']).toContain('application/json');
  });

  it.each(['application/json; charset=utf-8', 'Application/JSON'])('takes %s', async (type) => {
    expect((await post(JSON.stringify(ok), { 'content-type': type })).status).toBe(200);
  });

  it('answers 404 for a path and a method that are not there', async () => {
    const path = await jsonOf(under.call(`/v1/nothing-${GARBAGE}`));
    expect(path.json).toMatchObject({ status: 404, code: 'INVALID_REQUEST' });
    const method = await jsonOf(under.call('/v1/generate', {}, { method: 'DELETE' }));
    expect(method.json).toMatchObject({ status: 404, code: 'INVALID_REQUEST' });
    expect(path.text).not.toContain(GARBAGE);
  });

  it('writes one line for each of them and nothing of what they said', async () => {
    await post(ok, { 'x-request-id': 'last-of-them' });
    await eventually(
      () => under.logs.some(({ request_id }) => request_id === 'last-of-them'),
      'the last line',
    );
    const lines = under.logs.filter(({ context }) => context === 'request');
    expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(lines.length);
    expect(under.logText()).not.toContain(GARBAGE);
    expect(under.logText()).not.toContain('polluted');
    expect(under.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
