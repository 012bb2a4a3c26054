import { randomBytes } from 'node:crypto';
import type { GrpcShot, HttpShot, Shot } from './lines.ts';
import { bytes, text } from './protobuf.ts';
import { GATEWAY_KEY, startGateway, startPortkey, type Server } from './processes.ts';

/** One way to the same answer. */
export interface Way {
  readonly name: string;
  /** Starts what stands between caller and upstream; nothing does for the direct way. */
  start(emulatorUrl: string): Promise<Server | undefined>;
  unary(emulatorUrl: string): Shot;
  streamed(emulatorUrl: string): Shot;
  /** A stream that the emulator sends as 64 chunks, one every 20 ms. */
  paced(emulatorUrl: string): Shot;
  image(emulatorUrl: string): Shot;
}

/** Text that makes the emulator answer at the pace of `PACE`. */
export const PACED_MARK = 'at the pace of a slow river';
/** What the emulator does with texts that hold the mark. */
export const PACE = {
  kind: 'answer',
  times: 0,
  match: { text: PACED_MARK },
  chunks: 64,
  chunkDelayMs: 20,
} as const;

const MODEL = 'gemini-3.8-flash';
const PROMPT = 'Name three rivers of Europe and what they flow into. '.repeat(8);
const IMAGE = Buffer.concat([Buffer.from('\x89PNG\r\n\x1A\n', 'latin1'), randomBytes(1_000_000)]).toString(
  'base64',
);
const json = { 'content-type': 'application/json' };

const geminiText = (text: string) => JSON.stringify({ contents: [{ role: 'user', parts: [{ text }] }] });
const inlineImage = { mimeType: 'image/png', data: IMAGE };
const geminiImage = JSON.stringify({
  contents: [{ role: 'user', parts: [{ inlineData: inlineImage }, { text: 'What is this?' }] }],
});

const overGemini = {
  unary: () => gemini('generateContent', geminiText(PROMPT)),
  streamed: () => gemini('streamGenerateContent?alt=sse', geminiText(PROMPT)),
  paced: () => gemini('streamGenerateContent?alt=sse', geminiText(PACED_MARK)),
  image: () => gemini('generateContent', geminiImage),
};

function gemini(method: string, body: string): HttpShot {
  return {
    path: `/v1beta/models/${MODEL}:${method}`,
    headers: { ...json, 'x-goog-api-key': GATEWAY_KEY },
    body,
  };
}

function rest(body: object): HttpShot {
  const headers = { ...json, authorization: `Bearer ${GATEWAY_KEY}` };
  return { path: '/v1/generate', headers, body: JSON.stringify({ model: MODEL, ...body }) };
}

/** A task whose answers are kept: after the first call of each kind nothing goes upstream. */
const CACHING = `
tasks:
  kept: { models: [${MODEL}], generation: { temperature: 0 }, cache: { ttlMs: 3600000 } }
`;
const CACHED = { model: undefined, task: 'kept' };

function chat(content: unknown, stream = false): HttpShot {
  return {
    path: '/openai/v1/chat/completions',
    headers: { ...json, authorization: `Bearer ${GATEWAY_KEY}` },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content }],
      ...(stream ? { stream } : {}),
    }),
  };
}

const imageContent = [
  { type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE}` } },
  { type: 'text', text: 'What is this?' },
];

/** Numbers of fields are those of proto/gemini_gateway/v1/gateway.proto. */
function grpc(request: Buffer, streams = false): GrpcShot {
  return {
    method: `/gemini_gateway.v1.GeminiGateway/${streams ? 'GenerateStream' : 'Generate'}`,
    streams,
    metadata: { authorization: `Bearer ${GATEWAY_KEY}` },
    message: streams ? bytes(1, request) : request,
  };
}
const grpcPrompt = (prompt: string) => Buffer.concat([text(2, MODEL), text(3, prompt)]);
const grpcImage = (): Buffer => {
  const blob = Buffer.concat([text(1, 'image/png'), bytes(2, Buffer.from(IMAGE, 'base64'))]);
  const parts = [bytes(2, bytes(2, blob)), bytes(2, text(1, 'What is this?'))];
  return Buffer.concat([text(2, MODEL), bytes(4, Buffer.concat([text(1, 'user'), ...parts]))]);
};

function portkey(emulatorUrl: string, content: unknown, stream: boolean): HttpShot {
  return {
    path: '/v1/chat/completions',
    // As of 1.15.2 the package adds `/v1beta` to the host by itself.
    headers: {
      ...json,
      'x-portkey-provider': 'google',
      'x-portkey-custom-host': emulatorUrl,
      authorization: 'Bearer any',
    },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content }],
      ...(stream ? { stream } : {}),
    }),
  };
}

/** The ways that are compared; the first is what the others add to. */
export const WAYS: readonly [Way, ...Way[]] = [
  { name: 'direct', start: () => Promise.resolve(undefined), ...overGemini },
  { name: 'gateway, Gemini', start: (url) => startGateway(url), ...overGemini },
  {
    name: 'gateway, REST',
    start: (url) => startGateway(url),
    unary: () => rest({ prompt: PROMPT }),
    streamed: () => rest({ prompt: PROMPT, stream: true }),
    paced: () => rest({ prompt: PACED_MARK, stream: true }),
    image: () => rest({ prompt: 'What is this?', media: [inlineImage] }),
  },
  {
    name: 'gateway, REST, cache hit',
    start: (url) => startGateway(url, CACHING),
    unary: () => rest({ ...CACHED, prompt: PROMPT }),
    streamed: () => rest({ ...CACHED, prompt: PROMPT, stream: true }),
    paced: () => rest({ ...CACHED, prompt: PACED_MARK, stream: true }),
    image: () => rest({ ...CACHED, prompt: 'What is this?', media: [inlineImage] }),
  },
  {
    name: 'gateway, OpenAI',
    start: (url) => startGateway(url),
    unary: () => chat(PROMPT),
    streamed: () => chat(PROMPT, true),
    paced: () => chat(PACED_MARK, true),
    image: () => chat(imageContent),
  },
  {
    name: 'gateway, gRPC',
    start: (url) => startGateway(url),
    unary: () => grpc(grpcPrompt(PROMPT)),
    streamed: () => grpc(grpcPrompt(PROMPT), true),
    paced: () => grpc(grpcPrompt(PACED_MARK), true),
    image: () => grpc(grpcImage()),
  },
  {
    name: 'Portkey',
    start: startPortkey,
    unary: (url) => portkey(url, PROMPT, false),
    streamed: (url) => portkey(url, PROMPT, true),
    paced: (url) => portkey(url, PACED_MARK, true),
    image: (url) => portkey(url, imageContent, false),
  },
];
