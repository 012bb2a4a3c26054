import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  GeminiGateway,
  Outcome,
  ThinkingLevel,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';

const { generate, generateStream } = GeminiGateway.method;
const ask = { task: 'chat', prompt: 'the word is heron' };

let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest();
  client = new GrpcTestClient(under.grpcAddress);
});
afterEach(() => under.emulator.scenarios.clear());
afterAll(async () => {
  client.close();
  await under.close();
});

describe('Generate', () => {
  it('answers a task with text, parts, usage and route', async () => {
    const { code, answer, headers } = await client.unary(generate, ask);
    const call = under.upstreamCalls().at(-1);
    expect(code).toBe(0);
    expect(answer).toMatchObject({
      id: headers['x-request-id'],
      model: 'gemini-3.8-flash',
      modelVersion: 'gemini-3.8-flash',
      text: expect.stringContaining('heron'),
      finishReason: 'STOP',
      outcome: Outcome.OK,
      cache: 'bypass',
      route: { target: 'main/gemini-3.8-flash', attempts: 1, fallback: false },
      usage: {
        inputTokens: call?.inputTokens,
        outputTokens: call?.outputTokens,
        byModality: { input: { TEXT: call?.inputTokens } },
      },
    });
    expect(answer?.parts.map(({ data }) => data)).toEqual([{ case: 'text', value: answer?.text }]);
    expect(answer).toMatchObject({ toolCalls: [], warnings: [] });
    expect(answer?.json).toBeUndefined();
    expect(call?.stream).toBe(false);
  });

  it('tells in its initial metadata who answered', async () => {
    const { headers } = await client.unary(generate, ask);
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
      (await client.unary(generate, ask, { metadata: { 'x-request-id': given } })).answer?.id;
    expect(await idFor('trace:42_a.b-c')).toBe('trace:42_a.b-c');
    for (const hostile of ['a b', '<script>', 'a'.repeat(129)])
      expect(await idFor(hostile)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers a schema with a document, parsed', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const { answer } = await client.unary(generate, { ...ask, schema });
    expect(answer?.json?.kind).toMatchObject({
      case: 'structValue',
      value: { fields: { n: { kind: { case: 'numberValue', value: JSON.parse(answer?.text ?? '').n } } } },
    });
  });

  it('says that an answer was cut, and why', async () => {
    under.emulator.scenarios.add({ kind: 'max-tokens-thoughts', match: { text: 'heron' }, times: 0 });
    const { code, answer } = await client.unary(generate, ask);
    expect({ code, ...answer }).toMatchObject({
      code: 0,
      outcome: Outcome.TRUNCATED,
      finishReason: 'MAX_TOKENS',
      warnings: ['Thinking used up maxOutputTokens; there is no visible answer.'],
    });
  });

  it('gives the calls of tools, and takes them back with their signatures on the next turn', async () => {
    const tools = [{ functionDeclarations: [{ name: 'find_bird', parameters: { type: 'object' } }] }];
    const mustCall = { functionCallingConfig: { mode: 'ANY' } };
    const first = await client.unary(generate, { ...ask, tools, toolConfig: mustCall });
    const [call] = first.answer?.toolCalls ?? [];
    expect(call).toMatchObject({ name: 'find_bird' });
    expect(first.answer?.parts).toEqual([
      expect.objectContaining({
        data: { case: 'functionCall', value: call },
        thoughtSignature: expect.stringMatching(/.+/),
      }),
    ]);
    // The emulator refuses a turn without the very signature.
    const second = await client.unary(generate, {
      task: 'chat',
      tools,
      contents: [
        { role: 'user', parts: [{ data: { case: 'text', value: ask.prompt } }] },
        { role: 'model', parts: first.answer?.parts ?? [] },
        {
          role: 'user',
          parts: [
            {
              data: {
                case: 'functionResponse',
                value: { id: call?.id ?? '', name: 'find_bird', response: { found: true } },
              },
            },
          ],
        },
      ],
    });
    expect(second).toMatchObject({ code: 0, answer: { text: expect.stringMatching(/.+/) } });
  });
});

describe('GenerateStream', () => {
  it('sends deltas, and then one done with everything but the text', async () => {
    const { code, messages, headers } = await client.streamed(generateStream, { request: ask });
    const call = under.upstreamCalls().at(-1);
    expect(code).toBe(0);
    expect(headers).toMatchObject({ 'x-gateway-target': 'main/gemini-3.8-flash' });
    const kinds = messages.map(({ event }) => event.case);
    expect(kinds.slice(0, -1).every((kind) => kind === 'delta')).toBe(true);
    expect(kinds.length).toBeGreaterThan(2);
    const text = messages.map(({ event }) => (event.case === 'delta' ? event.value.text : '')).join('');
    expect(text).toContain('heron');
    const last = messages.at(-1)?.event;
    expect(last).toMatchObject({
      case: 'done',
      value: {
        id: headers['x-request-id'],
        finishReason: 'STOP',
        outcome: Outcome.OK,
        text: '',
        parts: [],
        usage: { inputTokens: call?.inputTokens, outputTokens: call?.outputTokens },
        route: { target: 'main/gemini-3.8-flash' },
      },
    });
    expect(call?.stream).toBe(true);
  });

  it('gives parts that are more than text, signatures included', async () => {
    const { messages } = await client.streamed(generateStream, {
      request: { ...ask, generation: { thinkingLevel: ThinkingLevel.HIGH, includeThoughts: true } },
    });
    const parts = messages.flatMap(({ event }) =>
      event.case === 'delta' && event.value.part !== undefined ? [event.value.part] : [],
    );
    expect(parts.some(({ thought }) => thought)).toBe(true);
    expect(parts.some(({ thoughtSignature }) => thoughtSignature !== '')).toBe(true);
  });
});
