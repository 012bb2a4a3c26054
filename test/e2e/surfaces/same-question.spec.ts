import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.js';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { recordedUpstream, type RecordedUpstream } from '../openai/recorded-upstream.js';
import {
  chatBody,
  geminiRequest,
  grpcRequest,
  isMessage,
  messageBody,
  restBody,
  type Question,
} from './question.js';

const MODEL = 'gemini-3.8-flash';
const PNG = Buffer.from('\x89PNG\r\n\x1A\n and no more', 'latin1').toString('base64');

/** Tokens as a surface tells them, in one shape. */
interface Told {
  readonly input: number;
  readonly output: number;
  readonly thoughts: number;
  readonly total: number;
}

let under: GatewayUnderTest;
let recorded: RecordedUpstream;
let grpc: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({
    config: async (emulator) => {
      recorded = await recordedUpstream(emulator.url);
      return `
models: { ${MODEL}: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "${recorded.url}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
`;
    },
  });
  grpc = new GrpcTestClient(under.grpcAddress);
});
afterAll(async () => {
  grpc.close();
  await under.close();
  await recorded.close();
});

let calls = 0;
const post = async (path: string, body: object, id: string): Promise<JsonObject> => {
  const { status, json } = await jsonOf(under.call(path, body, { headers: { 'x-request-id': id } }));
  expect({ path, status, json }).toMatchObject({ status: 200 });
  return json as JsonObject;
};

const restTokens = (usage: Record<string, number>): Told => ({
  input: usage['inputTokens'] ?? 0,
  output: usage['outputTokens'] ?? 0,
  thoughts: usage['thoughtsTokens'] ?? 0,
  total: usage['totalTokens'] ?? 0,
});

/** Asks by each surface: what it tells of tokens. */
const SURFACES: Readonly<Record<string, (question: Question, id: string) => Promise<Told>>> = {
  rest: async (question, id) => {
    const { usage } = await post('/v1/generate', restBody(question), id);
    return restTokens(usage as Record<string, number>);
  },
  gemini: async (question, id) => {
    const path = `/v1beta/models/${MODEL}:generateContent`;
    const { usageMetadata } = await post(path, geminiRequest(question), id);
    const counts = usageMetadata as Record<string, number>;
    return {
      input: counts['promptTokenCount'] ?? 0,
      output: counts['candidatesTokenCount'] ?? 0,
      thoughts: counts['thoughtsTokenCount'] ?? 0,
      total: counts['totalTokenCount'] ?? 0,
    };
  },
  openai: async (question, id) => {
    const { usage } = await post('/openai/v1/chat/completions', chatBody(question), id);
    const counts = usage as Record<string, number> & { completion_tokens_details: Record<string, number> };
    const thoughts = counts.completion_tokens_details['reasoning_tokens'] ?? 0;
    return {
      input: counts['prompt_tokens'] ?? 0,
      output: (counts['completion_tokens'] ?? 0) - thoughts,
      thoughts,
      total: counts['total_tokens'] ?? 0,
    };
  },
  anthropic: async (question, id) => {
    const { usage } = await post('/anthropic/v1/messages', messageBody(question), id);
    const counts = usage as Record<string, number> & { output_tokens_details: Record<string, number> };
    const thoughts = counts.output_tokens_details['thinking_tokens'] ?? 0;
    const input = (counts['input_tokens'] ?? 0) + (counts['cache_read_input_tokens'] ?? 0);
    const output = (counts['output_tokens'] ?? 0) - thoughts;
    return { input, output, thoughts, total: input + output + thoughts };
  },
  grpc: async (question, id) => {
    const { answer, code, message } = await grpc.unary(GeminiGateway.method.generate, grpcRequest(question), {
      metadata: { 'x-request-id': id },
    });
    expect({ code, message }).toEqual({ code: 0, message: 'OK' });
    const { inputTokens, outputTokens, thoughtsTokens, totalTokens } = answer?.usage ?? {};
    return {
      input: Number(inputTokens),
      output: Number(outputTokens),
      thoughts: Number(thoughtsTokens),
      total: Number(totalTokens),
    };
  },
};

/** What differs between surfaces, or from call to call. */
const OWN = new Set([
  'request_id',
  'route',
  'latency_ms',
  'ttft_ms',
  'status_code',
  'time',
  'pid',
  'hostname',
]);

/** Asks by every surface, and compares what went upstream, what came back and what was written down. */
async function assertSame(question: Question): Promise<void> {
  const seen: { surface: string; asked: unknown; told: Told; line: unknown }[] = [];
  for (const [surface, ask] of Object.entries(SURFACES)) {
    if (surface === 'anthropic' && !isMessage(question)) continue;
    calls += 1;
    const id = `${surface}-${calls}`;
    const before = recorded.asked().length;
    const told = await ask(question, id);
    const asked = recorded.asked().slice(before);
    expect({ surface, calls: asked.length }).toEqual({ surface, calls: 1 });
    const line = Object.fromEntries(
      Object.entries(await lineOf(under, id)).filter(([name]) => !OWN.has(name)),
    );
    seen.push({ surface, asked: asked[0], told, line });
  }
  const expected = geminiRequest(question);
  for (const { surface, asked } of seen) expect({ surface, asked }).toEqual({ surface, asked: expected });
  const [first, ...others] = seen;
  for (const { surface, told, line } of others)
    expect({ surface, told, line }).toEqual({ surface, told: first?.told, line: first?.line });
}

const PARAMETERS = {
  type: 'object',
  properties: { city: { type: 'string', description: 'Where' }, days: { type: 'integer' } },
  required: ['city'],
} as const;
const text = fc
  .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
  .filter((value) => value.trim() !== '');
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const tenths = (most: number) => fc.integer({ min: 0, max: most * 10 }).map((value) => value / 10);

const questions: fc.Arbitrary<Question> = fc
  .record({
    earlier: fc.array(fc.tuple(text, text), { maxLength: 2 }),
    last: text,
    system: optional(text),
    image: optional(fc.constant(PNG)),
    temperature: optional(tenths(2)),
    topP: optional(tenths(1)),
    maxOutputTokens: optional(fc.integer({ min: 500, max: 2_000 })),
    stop: optional(fc.array(text, { minLength: 1, maxLength: 4 })),
    // Half of the questions have none: not every surface takes a seed.
    seed: fc.option(fc.nat(1_000), { nil: undefined, freq: 2 }),
    asks: fc.constantFrom('text', 'schema', 'tool'),
  })
  .map(({ earlier, last, asks, ...rest }) => ({
    ...(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as object),
    turns: [
      ...earlier.flatMap(([user, model]) => [
        { role: 'user' as const, text: user },
        { role: 'model' as const, text: model },
      ]),
      { role: 'user' as const, text: last },
    ],
    ...(asks === 'schema' ? { schema: PARAMETERS as unknown as JsonObject } : {}),
    ...(asks === 'tool'
      ? {
          tool: { name: 'weather', description: 'Tells it', parameters: PARAMETERS as unknown as JsonObject },
        }
      : {}),
  }));

describe('the same question by every surface', () => {
  it('is the same question upstream, costs the same tokens and leaves the same record', async () => {
    const turns = [{ role: 'user' as const, text: 'What is the capital of Estonia?' }];
    await assertSame({ turns });
    // One that every surface can ask, whatever the others come to.
    await assertSame({ turns, maxOutputTokens: 1_000 });
    await fc.assert(fc.asyncProperty(questions, assertSame), { numRuns: 25 });
  });
});
