import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  GeminiGateway,
  Modality,
  Priority,
  ThinkingLevel,
  type GenerateRequestSchema,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { startUpstream, type HttpUpstream } from '../../helpers/http-upstream.js';
import { jsonOf } from '../../helpers/rest-answers.js';

type Question = MessageInitShape<typeof GenerateRequestSchema>;

const { generate, countTokens, embed } = GeminiGateway.method;
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = { mimeType: 'image/png', data: Buffer.from(PNG, 'base64') };
const text = (value: string) => ({ data: { case: 'text' as const, value } });

let upstream: HttpUpstream;
let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  const response = {
    candidates: [{ content: { parts: [{ text: 'ok' }] }, finishReason: 'STOP' }],
    totalTokens: 3,
    embeddings: [{ values: [0.5] }],
  };
  upstream = await startUpstream((res) => res.end(JSON.stringify(response)));
  under = await gatewayUnderTest({
    config: `
models: { gemini-3.8-flash: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "${upstream.url}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks: { chat: { models: [gemini-3.8-flash], structured: { enforce: false } } }
`,
  });
  client = new GrpcTestClient(under.grpcAddress);
});
afterAll(async () => {
  client.close();
  await under.close();
  await upstream.close();
});

interface Sent {
  readonly url: string;
  readonly body: unknown;
}

function lastSent(): Sent {
  const { url = '', body = '' } = upstream.requests.at(-1) ?? {};
  return { url, body: JSON.parse(body) as unknown };
}

async function sentFor(question: Question): Promise<unknown> {
  const { code, message } = await client.unary(generate, { task: 'chat', ...question });
  expect({ code, message }).toMatchObject({ code: 0 });
  return lastSent().body;
}

async function sentForRest(path: string, body: object): Promise<Sent> {
  const { status, text: said } = await jsonOf(under.call(path, { task: 'chat', ...body }));
  expect({ status, said }).toMatchObject({ status: 200 });
  return lastSent();
}

const schema = { type: 'object', properties: { n: { type: 'integer' } }, additionalProperties: false };
const tools = [
  { functionDeclarations: [{ name: 'f', parameters: { type: 'object' } }] },
  { googleSearch: {} },
];
const toolConfig = { functionCallingConfig: { mode: 'NONE' } };
const safetySettings = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }];
const plain = {
  temperature: 0.2,
  topP: 0.5,
  topK: 3,
  maxOutputTokens: 9,
  stopSequences: ['END'],
  seed: 7,
  presencePenalty: 0.1,
  frequencyPenalty: -0.2,
  mediaResolution: 'MEDIA_RESOLUTION_LOW',
};

describe('the same question by gRPC and by REST asks the upstream the same', () => {
  const questions: readonly (readonly [what: string, grpc: Question, rest: object])[] = [
    ['a prompt', { prompt: 'hello, wörld \u{1f426}' }, { prompt: 'hello, wörld \u{1f426}' }],
    [
      'an image before the prompt',
      {
        contents: [
          { role: 'user', parts: [{ data: { case: 'inlineData', value: image } }, text('what is it')] },
        ],
      },
      { prompt: 'what is it', media: [{ mimeType: 'image/png', data: PNG }] },
    ],
    [
      'a file by its URI',
      {
        contents: [
          {
            role: 'user',
            parts: [
              { data: { case: 'fileData', value: { mimeType: 'video/mp4', fileUri: 'gs://b/film.mp4' } } },
              text('?'),
            ],
          },
        ],
      },
      { prompt: '?', media: [{ mimeType: 'video/mp4', uri: 'gs://b/film.mp4' }] },
    ],
    [
      'settings of every kind',
      {
        prompt: 'x',
        system: 'be brief',
        tools,
        toolConfig,
        safetySettings,
        cachedContent: 'cachedContents/1',
        generation: {
          ...plain,
          responseModalities: [Modality.TEXT],
          thinkingLevel: ThinkingLevel.LOW,
          includeThoughts: true,
        },
        schema,
        priority: Priority.BATCH,
        metadata: { feature: 'f', user: 'u', conversation: 'c', tags: { a: 'b' } },
      },
      {
        prompt: 'x',
        system: 'be brief',
        tools,
        toolConfig,
        safetySettings,
        cachedContent: 'cachedContents/1',
        generation: { ...plain, responseModalities: ['TEXT'], thinkingLevel: 'LOW', includeThoughts: true },
        schema,
        priority: 'batch',
        feature: 'f',
        user: 'u',
        conversation: 'c',
        tags: { a: 'b' },
      },
    ],
    [
      'zeroes that are meant',
      { prompt: 'x', generation: { temperature: 0, thinkingBudget: 0, seed: 0 } },
      {
        prompt: 'x',
        generation: { temperature: 0, thinkingBudget: 0, seed: 0 },
      },
    ],
    [
      'a turn with a tool call and its answer',
      {
        contents: [
          { role: 'user', parts: [text('find it')] },
          {
            role: 'model',
            parts: [
              { ...text('let me see'), thought: true },
              {
                data: {
                  case: 'functionCall',
                  value: { id: 'c1', name: 'f', args: { deep: [1, { a: null }] } },
                },
                thoughtSignature: 'c2ln_bmF0dXJl',
              },
            ],
          },
          {
            role: 'user',
            parts: [
              { data: { case: 'functionResponse', value: { id: 'c1', name: 'f', response: { ok: true } } } },
            ],
          },
        ],
      },
      {
        contents: [
          { role: 'user', parts: [{ text: 'find it' }] },
          {
            role: 'model',
            parts: [
              { text: 'let me see', thought: true },
              {
                functionCall: { id: 'c1', name: 'f', args: { deep: [1, { a: null }] } },
                thoughtSignature: 'c2ln_bmF0dXJl',
              },
            ],
          },
          {
            role: 'user',
            parts: [{ functionResponse: { id: 'c1', name: 'f', response: { ok: true } } }],
          },
        ],
      },
    ],
  ];
  it.each(questions)('%s', async (_what, grpc, rest) => {
    const byRest = await sentForRest('/v1/generate', rest);
    expect(await sentFor(grpc)).toEqual(byRest.body);
    expect(lastSent().url).toBe(byRest.url);
  });

  it('to be counted', async () => {
    const byRest = await sentForRest('/v1/count-tokens', { prompt: 'x', system: 'be brief' });
    const { answer } = await client.unary(countTokens, {
      request: { task: 'chat', prompt: 'x', system: 'be brief' },
    });
    expect(answer).toMatchObject({ totalTokens: 3, model: 'gemini-3.8-flash' });
    expect(lastSent()).toEqual(byRest);
  });

  it('to be embedded', async () => {
    const settings = { texts: ['a', 'b'], taskType: 'RETRIEVAL_QUERY', dimensions: 8 };
    const byRest = await sentForRest('/v1/embed', settings);
    const { answer } = await client.unary(embed, { task: 'chat', ...settings });
    expect(answer?.embeddings).toMatchObject([{ values: [0.5] }]);
    expect(lastSent()).toEqual(byRest);
  });
});

describe('fields of Gemini that have none of their own', () => {
  it('travel in `extra`, wherever they belong', async () => {
    const extra = { novel: { deep: [1, 'two', null, true] } };
    expect(
      await sentFor({
        contents: [
          {
            role: 'user',
            extra: { alsoNew: true },
            parts: [
              { ...text('x'), extra: { videoMetadata: { fps: 2 } } },
              { extra: { executableCode: { language: 'PYTHON', code: '1+1' } } },
              { data: { case: 'inlineData', value: { ...image, extra: { displayName: 'a.png' } } } },
              { data: { case: 'fileData', value: { fileUri: 'gs://b/f', extra: { displayName: 'f' } } } },
              { data: { case: 'functionCall', value: { name: 'f', extra: { willContinue: true } } } },
              { data: { case: 'functionResponse', value: { name: 'f', extra: { scheduling: 'SILENT' } } } },
            ],
          },
        ],
        generation: { temperature: 1, extra: { logprobs: 3 } },
        extra,
      }),
    ).toEqual({
      contents: [
        {
          role: 'user',
          alsoNew: true,
          parts: [
            { text: 'x', videoMetadata: { fps: 2 } },
            { executableCode: { language: 'PYTHON', code: '1+1' } },
            { inlineData: { mimeType: 'image/png', data: PNG, displayName: 'a.png' } },
            { fileData: { fileUri: 'gs://b/f', displayName: 'f' } },
            { functionCall: { name: 'f', willContinue: true } },
            { functionResponse: { name: 'f', scheduling: 'SILENT' } },
          ],
        },
      ],
      generationConfig: { temperature: 1, logprobs: 3 },
      ...extra,
    });
  });

  it('are counted as well', async () => {
    const request = {
      task: 'chat',
      prompt: 'x',
      generation: { extra: { logprobs: 3 } },
      extra: { novel: 1 },
    };
    await client.unary(countTokens, { request });
    expect(lastSent().body).toEqual({
      generateContentRequest: {
        contents: [{ role: 'user', parts: [{ text: 'x' }] }],
        generationConfig: { logprobs: 3 },
        model: 'models/gemini-3.8-flash',
        novel: 1,
      },
    });
  });

  it('keep names that would change an object elsewhere', async () => {
    const args = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as Record<string, never>;
    const sent = await sentFor({
      contents: [{ role: 'model', parts: [{ data: { case: 'functionCall', value: { name: 'f', args } } }] }],
    });
    expect(JSON.stringify(sent)).toContain('"args":{"__proto__":{"x":1},"constructor":2}');
  });
});
