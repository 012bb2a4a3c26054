import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { startUpstream, type HttpUpstream } from '../../helpers/http-upstream.js';

const PATH = '/v1beta/models/gemini-3.8-flash';
/** Oddly spaced, with fields that no version of the API has, at every level, and numbers that JSON.parse rounds. */
const REQUEST = `{ "contents" : [ {"role":"user", "parts":[ {"text":"h\\u00e9llo", "futurePart": {"a":[1.0, 2]}} ],
  "futureContent": true} ],
  "futureTop": 12345678901234567890, "generationConfig": { "temperature": 0.70, "futureSetting": null } }`;
const RESPONSE = `{ "candidates": [ {"content":{"parts":[{"text":"h\\u00e9", "futurePart":1.50}],"role":"model"},
  "finishReason":"STOP", "futureCandidate": {"x":[]} } ],
  "usageMetadata": {"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5,"futureCount":9},
  "modelVersion":"gemini-3.8-flash", "futureTop": 12345678901234567890 }`;
const CHUNKS = [
  '{"candidates": [{"content": {"parts": [{"text": "one","futurePart":1.0}],"role": "model"}}],"futureTop":1e2}',
  '{"candidates": [{"content": {"parts": [{"text": " two"}],"role": "model"},"futureCandidate":"\\u2028","finishReason": "STOP"}],"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": 2,"totalTokenCount": 5}}',
];

describe('texts on their way through the Gemini surface', () => {
  let upstream: HttpUpstream;
  let under: GatewayUnderTest;
  let streamed: readonly string[] = CHUNKS;
  let unary = RESPONSE;
  beforeAll(async () => {
    upstream = await startUpstream((res, { url = '' }) => {
      if (!url.includes('streamGenerateContent')) {
        res.writeHead(200, { 'content-type': 'application/json' }).end(unary);
        return;
      }
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.end(streamed.map((chunk) => `data: ${chunk}\r\n\r\n`).join(''));
    });
    under = await gatewayUnderTest({
      config: `
models:
  gemini-3.8-flash: {}
  gemini-embedding-001: { outputModalities: [] }
projects:
  - id: main
    provider: gemini
    baseUrl: ${upstream.url}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
tasks:
  cool: { models: [gemini-3.8-flash], generation: { temperature: 0.5, topK: 3 } }
  lax: { models: [gemini-3.8-flash], structured: { enforce: false } }
`,
    });
  });
  beforeEach(() => {
    streamed = CHUNKS;
    unary = RESPONSE;
  });
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  const textOf = async (path: string, body: string, headers: Record<string, string> = {}) =>
    (await under.call(path, body, { headers })).body.text();
  const received = () => upstream.requests.at(-1);

  it('leave byte for byte as they came, both ways', async () => {
    expect(await textOf(`${PATH}:generateContent`, REQUEST)).toBe(RESPONSE);
    expect(received()?.body).toBe(REQUEST);
  });

  it('are framed as server-sent events with CRLF and no other terminator than the end', async () => {
    const text = await textOf(`${PATH}:streamGenerateContent?alt=sse`, REQUEST);
    expect(text).toBe(CHUNKS.map((chunk) => `data: ${chunk}\r\n\r\n`).join(''));
    expect(received()).toMatchObject({ url: `${PATH}:streamGenerateContent?alt=sse`, body: REQUEST });
  });

  it('are framed as one JSON array without alt=sse', async () => {
    const response = await under.call(`${PATH}:streamGenerateContent`, REQUEST);
    expect(response.headers['content-type']).toBe('application/json; charset=UTF-8');
    const text = await response.body.text();
    expect(text).toBe(`[${CHUNKS.join(',\r\n')}]`);
    expect(JSON.parse(text)).toHaveLength(2);
  });

  it('keep an event of several lines one event', async () => {
    streamed = ['{"candidates":[{"finishReason":"STOP",\r\ndata: "content":{"parts":[{"text":"a"}]}}]}'];
    const text = await textOf(`${PATH}:streamGenerateContent?alt=sse`, REQUEST);
    expect(text).toBe(`data: ${streamed.join('')}\r\n\r\n`);
  });

  it('take defaults of the task only where the caller set nothing', async () => {
    await textOf(`${PATH}:generateContent`, REQUEST, { 'x-gateway-task': 'cool' });
    const { generationConfig, ...rest } = JSON.parse(received()?.body ?? '') as Record<string, unknown>;
    expect(generationConfig).toEqual({ temperature: 0.7, topK: 3, futureSetting: null });
    expect(rest).toMatchObject({
      contents: [{ futureContent: true, parts: [{ futurePart: { a: [1, 2] } }] }],
      futureTop: expect.any(Number),
    });
  });

  it('may be in snake_case, of which arguments and schemas keep their names', async () => {
    const body = {
      contents: [
        { role: 'user', parts: [{ inline_data: { mime_type: 'text/plain', data: 'aGk=' } }] },
        { role: 'model', parts: [{ function_call: { name: 'f', args: { snake_arg: { in_ner: 1 } } } }] },
        { role: 'user', parts: [{ function_response: { name: 'f', response: { some_key: 1 } } }] },
      ],
      system_instruction: { parts: [{ text: 'be brief' }] },
      generation_config: { max_output_tokens: 9, response_json_schema: { properties: { a_b: {} } } },
      future_top: { keep_me: 1 },
    };
    await textOf(`${PATH}:generateContent`, JSON.stringify(body), { 'x-gateway-task': 'lax' });
    expect(JSON.parse(received()?.body ?? '')).toEqual({
      contents: [
        { role: 'user', parts: [{ inlineData: { mimeType: 'text/plain', data: 'aGk=' } }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: { snake_arg: { in_ner: 1 } } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: { some_key: 1 } } }] },
      ],
      systemInstruction: { parts: [{ text: 'be brief' }] },
      generationConfig: { maxOutputTokens: 9, responseJsonSchema: { properties: { a_b: {} } } },
      futureTop: { keep_me: 1 },
    });
  });

  it.each([
    [
      'countTokens',
      '{"contents":[{"parts":[{"text":"a"}]}], "future":1.0}',
      '{"totalTokens": 1, "future":2.0}',
    ],
    ['embedContent', '{"content":{"parts":[{"text":"a"}]}, "future":1.0}', '{"embedding":{"values":[0.10]}}'],
  ])('of %s are left alone as well', async (method, request, response) => {
    unary = response;
    const path = method === 'countTokens' ? PATH : '/v1beta/models/gemini-embedding-001';
    expect(await textOf(`${path}:${method}`, request)).toBe(response);
    expect(received()).toMatchObject({ url: `${path}:${method}`, body: request });
  });

  it('reach the same place by either version under the prefix', async () => {
    for (const version of ['v1', 'v1beta']) {
      const path = `/gemini/${version}/models/gemini-3.8-flash:generateContent`;
      expect(await textOf(path, REQUEST)).toBe(RESPONSE);
      expect(received()?.url).toBe(`${PATH}:generateContent`);
    }
  });

  it('go out without the caller’s key and headers', async () => {
    await textOf(`${PATH}:generateContent`, REQUEST, { 'x-secret': 'mine', cookie: 'a=b' });
    expect(received()?.headers).toMatchObject({ 'x-goog-api-key': 'upstream-key' });
    expect(Object.keys(received()?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:authorization|cookie|x-secret)$/)]),
    );
  });
});
