import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import type { GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { type JsonAnswer, jsonOf } from '../../helpers/rest-answers.js';
import { ask, cachingGateway, stateOf } from './cache-gateway.js';

const MODEL = 'gemini-3.8-flash';
const BY_TASK = { 'x-gateway-task': 'cached' };

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await cachingGateway();
});
afterAll(() => gateway.close());

const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<JsonAnswer> =>
  jsonOf(gateway.call(path, body, { headers }));
const gemini = (method: string, prompt: string, headers: Record<string, string> = {}) =>
  post(
    `/v1beta/models/${MODEL}:${method}`,
    { contents: [{ role: 'user', parts: [{ text: prompt }] }] },
    { ...BY_TASK, ...headers },
  );

/** Less what differs from answer to answer: ids and times that the surface makes. */
function comparable({ text }: JsonAnswer): string {
  return text.replaceAll(/"(id|created)":("[^"]*"|\d+)/g, '"$1":0');
}

type Asking = (prompt: string, headers?: Record<string, string>) => Promise<JsonAnswer>;
const SURFACES: readonly (readonly [string, Asking])[] = [
  ['Gemini', (prompt, headers) => gemini('generateContent', prompt, headers)],
  ['Gemini, streamed', (prompt, headers) => gemini('streamGenerateContent?alt=sse', prompt, headers)],
  ['Gemini, streamed as a list', (prompt, headers) => gemini('streamGenerateContent', prompt, headers)],
  ...[false, true].map(
    (stream) =>
      [
        `OpenAI${stream ? ', streamed' : ''}`,
        (prompt: string, headers: Record<string, string> = {}) =>
          post(
            '/openai/v1/chat/completions',
            { model: 'task:cached', messages: [{ role: 'user', content: prompt }], stream },
            headers,
          ),
      ] as const,
  ),
  ...[false, true].map(
    (stream) =>
      [
        `Anthropic${stream ? ', streamed' : ''}`,
        (prompt: string, headers: Record<string, string> = {}) =>
          post(
            '/anthropic/v1/messages',
            { model: 'task:cached', max_tokens: 500, messages: [{ role: 'user', content: prompt }], stream },
            headers,
          ),
      ] as const,
  ),
];

describe.each(SURFACES)('a stored answer by the surface of %s', (name, asking) => {
  it('is what the live one was, and obeys the caller’s headers', async () => {
    const prompt = `by ${name}`;
    const before = gateway.upstreamCalls().length;
    const first = await asking(prompt);
    const again = await asking(prompt, { 'x-gateway-cache-control': 'only-if-cached' });
    expect([first.status, stateOf(first), stateOf(again)]).toEqual([200, 'miss', 'hit']);
    expect(comparable(again)).toBe(comparable(first));
    expect(again.headers).toMatchObject({ age: '0', 'x-gateway-attempts': '0' });
    expect(gateway.upstreamCalls()).toHaveLength(before + 1);
    expect(stateOf(await asking(prompt, { 'cache-control': 'no-cache' }))).toBe('miss');
    expect((await asking(`${prompt}, never asked`, { 'cache-control': 'only-if-cached' })).status).toBe(503);
  });
});

describe('a stored answer by gRPC', () => {
  let client: GrpcTestClient;
  beforeAll(() => {
    client = new GrpcTestClient(gateway.grpcAddress);
  });
  afterAll(() => client.close());

  it('is what the live one was, and obeys the caller’s metadata', async () => {
    const { generate } = GeminiGateway.method;
    const asked = { task: 'cached', prompt: 'by gRPC' };
    const first = await client.unary(generate, asked);
    const again = await client.unary(generate, asked);
    expect([first.headers['x-gateway-cache'], again.headers['x-gateway-cache']]).toEqual(['miss', 'hit']);
    expect(again.answer).toMatchObject({
      text: first.answer?.text,
      cache: 'hit',
      usage: { totalTokens: first.answer?.usage?.totalTokens },
    });
    const metadata = { 'x-gateway-cache-control': 'no-cache' };
    expect((await client.unary(generate, asked, { metadata })).headers['x-gateway-cache']).toBe('miss');
  });
});

describe('one stored answer', () => {
  it('is given by every surface that asks the same', async () => {
    const prompt = 'whoever asks';
    await ask(gateway, { prompt, model: MODEL });
    const byGemini = await gemini('generateContent', prompt);
    expect(stateOf(byGemini)).toBe('hit');
  });
});
