import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { startUpstream, type HttpUpstream } from '../../helpers/http-upstream.js';
import { jsonOf, restEvents, streamedText } from '../../helpers/rest-answers.js';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const ask = { task: 'chat', prompt: 'the word is heron' };

describe('POST /v1/generate', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  it('answers a task with text, usage and route', async () => {
    const { status, json, headers } = await jsonOf(under.call('/v1/generate', ask));
    const call = under.upstreamCalls().at(-1);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: headers['x-request-id'],
      model: 'gemini-3.8-flash',
      modelVersion: 'gemini-3.8-flash',
      finishReason: 'STOP',
      text: expect.stringContaining('heron'),
      cache: 'bypass',
      route: { target: 'main/gemini-3.8-flash', attempts: 1, fallback: false },
      usage: { inputTokens: call?.inputTokens, outputTokens: call?.outputTokens },
    });
    for (const absent of ['json', 'toolCalls', 'warnings']) expect(json).not.toHaveProperty(absent);
  });

  it('tells in headers who answered', async () => {
    const { headers } = await jsonOf(under.call('/v1/generate', ask));
    expect(headers).toMatchObject({
      'x-gateway-model': 'gemini-3.8-flash',
      'x-gateway-target': 'main/gemini-3.8-flash',
      'x-gateway-cache': 'bypass',
      'x-gateway-attempts': '1',
    });
    expect(headers).not.toHaveProperty('x-gateway-upstream');
  });

  it('keeps a sane request id of the caller and replaces a hostile one', async () => {
    const idFor = async (given: string) =>
      (await jsonOf(under.call('/v1/generate', ask, { headers: { 'x-request-id': given } }))).headers[
        'x-request-id'
      ];
    expect(await idFor('trace:42_a.b-c')).toBe('trace:42_a.b-c');
    for (const hostile of ['a b', '<script>', 'a'.repeat(129), '{"x":1}'])
      expect(await idFor(hostile)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    ['by the body', { ...ask, stream: true }, {}],
    ['by the Accept header', ask, { accept: 'text/event-stream' }],
  ])('streams deltas and then one done, asked %s', async (_how, body, headers) => {
    const answer = await jsonOf(under.call('/v1/generate', body, { headers }));
    const events = restEvents(answer.text);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-gateway-target': 'main/gemini-3.8-flash',
    });
    expect(events.length).toBeGreaterThan(2);
    expect(events.slice(0, -1).every(({ event }) => event === 'delta')).toBe(true);
    expect(streamedText(events)).toContain('heron');
    const call = under.upstreamCalls().at(-1);
    const done = events.at(-1);
    expect(done).toMatchObject({
      event: 'done',
      data: {
        id: answer.headers['x-request-id'],
        finishReason: 'STOP',
        usage: { inputTokens: call?.inputTokens, outputTokens: call?.outputTokens },
      },
    });
    expect(done?.data).not.toHaveProperty('text');
    expect(call?.stream).toBe(true);
  });

  it('streams nothing when the body says so, whatever the Accept header', async () => {
    const { json } = await jsonOf(
      under.call('/v1/generate', { ...ask, stream: false }, { headers: { accept: 'text/event-stream' } }),
    );
    expect(json['text']).toContain('heron');
  });

  it('answers a schema with a document, parsed', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const { json } = await jsonOf(under.call('/v1/generate', { ...ask, schema }));
    expect(json['json']).toEqual({ n: expect.any(Number) });
    expect(JSON.parse(String(json['text']))).toEqual(json['json']);
  });

  it('gives the calls of tools', async () => {
    const tools = [{ functionDeclarations: [{ name: 'find_bird', parameters: { type: 'object' } }] }];
    const { json } = await jsonOf(
      under.call('/v1/generate', {
        ...ask,
        tools,
        toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      }),
    );
    expect(json['toolCalls']).toEqual([expect.objectContaining({ name: 'find_bird' })]);
    expect(json).not.toHaveProperty('text');
    expect(json['parts']).toEqual([expect.objectContaining({ thoughtSignature: expect.any(String) })]);
  });
});

describe('what the upstream is asked by POST /v1/generate', () => {
  let upstream: HttpUpstream;
  let under: GatewayUnderTest;
  beforeAll(async () => {
    const response = { candidates: [{ content: { parts: [{ text: 'ok' }] }, finishReason: 'STOP' }] };
    upstream = await startUpstream((res) => res.end(JSON.stringify(response)));
    under = await gatewayUnderTest({
      config: `
models: { gemini-3.8-flash: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "${upstream.url}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks: { chat: { models: [gemini-3.8-flash], structured: { enforce: false } } }
`,
    });
  });
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  async function upstreamRequest(body: object): Promise<unknown> {
    const { status, text } = await jsonOf(under.call('/v1/generate', { task: 'chat', ...body }));
    expect({ status, text }).toMatchObject({ status: 200 });
    const sent = upstream.requests.at(-1);
    expect(sent?.url).toBe('/v1beta/models/gemini-3.8-flash:generateContent');
    expect(sent?.headers['x-goog-api-key']).toBe('upstream-key');
    expect(sent?.headers).not.toHaveProperty('authorization');
    return JSON.parse(sent?.body ?? '') as unknown;
  }

  it('has the prompt behind the media, inline and by URI', async () => {
    expect(
      await upstreamRequest({
        prompt: 'what is this',
        media: [
          { mimeType: 'image/png', data: PNG },
          { mimeType: 'video/mp4', uri: 'gs://bucket/film.mp4' },
        ],
      }),
    ).toEqual({
      contents: [
        {
          role: 'user',
          parts: [
            { inlineData: { mimeType: 'image/png', data: PNG } },
            { fileData: { mimeType: 'video/mp4', fileUri: 'gs://bucket/film.mp4' } },
            { text: 'what is this' },
          ],
        },
      ],
    });
  });

  it('has contents as they came, unknown fields included', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'x', newField: { deep: [1] } }], alsoNew: true }];
    expect(await upstreamRequest({ contents })).toEqual({ contents });
  });

  it('has every other field in its place', async () => {
    const tools = [{ functionDeclarations: [{ name: 'f' }] }, { googleSearch: {} }];
    const toolConfig = { functionCallingConfig: { mode: 'NONE' } };
    const safetySettings = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }];
    const schema = { type: 'object' };
    const plain = {
      temperature: 0,
      topP: 0.5,
      topK: 3,
      maxOutputTokens: 9,
      stopSequences: ['END'],
      seed: 7,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      responseModalities: ['TEXT'],
      mediaResolution: 'MEDIA_RESOLUTION_LOW',
    };
    const thinking = { thinkingLevel: 'LOW', includeThoughts: true };
    expect(
      await upstreamRequest({
        prompt: 'x',
        system: 'be brief',
        tools,
        toolConfig,
        safetySettings,
        cachedContent: 'cachedContents/1',
        generation: { ...plain, ...thinking },
        schema,
      }),
    ).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'x' }] }],
      systemInstruction: { parts: [{ text: 'be brief' }] },
      tools,
      toolConfig,
      safetySettings,
      cachedContent: 'cachedContents/1',
      generationConfig: {
        ...plain,
        thinkingConfig: thinking,
        responseMimeType: 'application/json',
        responseJsonSchema: schema,
      },
    });
  });
});
