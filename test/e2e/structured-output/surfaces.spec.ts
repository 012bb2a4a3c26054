import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { openAiClient, seenError } from '../../helpers/openai-clients.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import type { ErrorInfo } from '../../../src/transport/grpc/gen/google/rpc/error_details_pb.js';

const CONFIG = `${DEFAULT_CONFIG}
schemas: { mood: { versions: { "1": { type: object, properties: { mood: { enum: [good, bad] } }, required: [mood] } } } }
`;
const schema = {
  type: 'object',
  properties: { mood: { type: 'string', enum: ['good', 'bad'] } },
  required: ['mood'],
};
const WRONG = { text: '{"mood":"so-so"}' };
const FENCED = { text: '```json\n{"mood":"good"}\n```' };
const whole = { match: { operation: 'generateContent' } };
const streamed = { match: { operation: 'streamGenerateContent' } };

let under: GatewayUnderTest;
let grpc: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({ config: CONFIG });
  grpc = new GrpcTestClient(under.grpcAddress);
});
afterEach(() => under.emulator.scenarios.clear());
afterAll(async () => {
  grpc.close();
  await under.close();
});

describe('a schema by the Gemini surface', () => {
  const PATH = '/v1beta/models/gemini-3.8-flash';
  const request = (settings: object) => ({
    contents: [{ role: 'user', parts: [{ text: 'How is the heron?' }] }],
    generationConfig: { responseMimeType: 'application/json', ...settings },
  });
  const textIn = (json: Record<string, unknown>): string | undefined =>
    (json as { candidates?: { content: { parts: { text: string }[] } }[] }).candidates?.[0]?.content.parts[0]
      ?.text;

  it.each([
    ['responseJsonSchema', schema],
    [
      'responseSchema',
      { type: 'OBJECT', properties: { mood: { type: 'STRING', enum: ['good', 'bad'] } }, required: ['mood'] },
    ],
  ])('as %s is held to, and the answer keeps its shape', async (field, given) => {
    const good = await jsonOf(under.call(`${PATH}:generateContent`, request({ [field]: given })));
    expect(good.headers['x-gateway-structured']).toBe('valid');
    under.emulator.scenarios.add([{ ...FENCED, ...whole }]);
    const repaired = await jsonOf(under.call(`${PATH}:generateContent`, request({ [field]: given })));
    expect(repaired.headers['x-gateway-structured']).toBe('valid, repaired');
    expect(textIn(repaired.json)).toBe('{"mood":"good"}');
    expect(repaired.json).not.toHaveProperty('structured');
    under.emulator.scenarios.add([{ ...WRONG, ...whole }]);
    const reasked = await jsonOf(under.call(`${PATH}:generateContent`, request({ [field]: given })));
    expect(reasked.headers['x-gateway-structured']).toBe('valid, reasked');
    under.emulator.scenarios.add([{ ...WRONG, times: 0, ...whole }]);
    const refused = await jsonOf(under.call(`${PATH}:generateContent`, request({ [field]: given })));
    const { error } = refused.json as {
      error: { details: { reason: string; metadata: Record<string, string> }[] };
    };
    expect(refused.status).toBe(400);
    expect(error.details[0]).toMatchObject({ reason: 'SCHEMA_MISMATCH', metadata: { text: WRONG.text } });
    expect(JSON.parse(error.details[0]?.metadata['errors'] ?? '')).toMatchObject([
      { path: '/mood', keyword: 'enum' },
    ]);
  });

  it('that Gemini refuses is simplified though the request came as a text', async () => {
    under.emulator.scenarios.add({ kind: 'schema-too-complex', times: 2, ...whole });
    const given = { ...schema, properties: { ...schema.properties, list: { type: 'array', maxItems: 9 } } };
    const { status, headers } = await jsonOf(
      under.call(`${PATH}:generateContent`, request({ responseJsonSchema: given })),
    );
    expect([status, headers['x-gateway-structured']]).toEqual([
      200,
      expect.stringMatching(/^valid, relaxed=\d$/),
    ]);
  });

  it('of a wrong kind is refused with the place of it', async () => {
    const refused = await jsonOf(
      under.call(`${PATH}:generateContent`, request({ responseJsonSchema: { type: 'thing' } })),
    );
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('generationConfig.responseJsonSchema');
  });

  it('ends a stream with Google’s error at the first wrong character', async () => {
    under.emulator.scenarios.add({ text: '{"mood":"terrible"}', chunks: 19, times: 0, ...streamed });
    const response = await under.call(
      `${PATH}:streamGenerateContent?alt=sse`,
      request({ responseJsonSchema: schema }),
    );
    const last = (await response.body.text()).trimEnd().split('data: ').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ error: { details: [{ reason: 'SCHEMA_MISMATCH' }] } });
  });
});

describe('a schema by the OpenAI surface', () => {
  const ask = {
    model: 'gemini-3.8-flash',
    messages: [{ role: 'user' as const, content: 'How is the heron?' }],
    response_format: { type: 'json_schema' as const, json_schema: { name: 'mood', schema } },
  };

  it('is held to; the content is valid JSON whatever it took', async () => {
    const client = openAiClient(under);
    under.emulator.scenarios.add([{ ...FENCED, ...whole }]);
    const { data, response } = await client.chat.completions.create(ask).withResponse();
    expect(data.choices[0]?.message.content).toBe('{"mood":"good"}');
    expect(response.headers.get('x-gateway-structured')).toBe('valid, repaired');
    under.emulator.scenarios.add([{ ...WRONG, ...whole }]);
    const again = await client.chat.completions.create(ask).withResponse();
    expect(again.response.headers.get('x-gateway-structured')).toBe('valid, reasked');
  });

  it('that is not followed twice is OpenAI’s error with what is wrong', async () => {
    under.emulator.scenarios.add([{ ...WRONG, times: 0, ...whole }]);
    const failure = openAiClient(under).chat.completions.create(ask);
    await expect(failure).rejects.toMatchObject({
      status: 422,
      error: { gateway: { errors: [{ path: '/mood', keyword: 'enum' }], text: WRONG.text } },
    });
    expect(await seenError(failure)).toMatchObject({ code: 'schema_mismatch', reason: 'SCHEMA_MISMATCH' });
  });
});

describe('a schema by the Anthropic surface', () => {
  it('is held to', async () => {
    under.emulator.scenarios.add([{ ...FENCED, ...whole }]);
    const { json, headers } = await jsonOf(
      under.call('/anthropic/v1/messages', {
        model: 'gemini-3.8-flash',
        max_tokens: 1_000,
        messages: [{ role: 'user', content: 'How is the heron?' }],
        output_config: { format: { type: 'json_schema', schema } },
      }),
    );
    expect(json['content']).toMatchObject([{ type: 'text', text: '{"mood":"good"}' }]);
    expect(headers['x-gateway-structured']).toBe('valid, repaired');
  });
});

describe('a schema by gRPC', () => {
  const { generate, generateStream } = GeminiGateway.method;
  const ask = { task: 'chat', prompt: 'How is the heron?', schema };

  it('is held to, and the message has the document and the report', async () => {
    under.emulator.scenarios.add([{ ...WRONG, ...whole }]);
    const { answer } = await grpc.unary(generate, ask);
    expect(answer?.structured).toMatchObject({ valid: true, repaired: false, reasked: true, instead: '' });
    expect(JSON.parse(answer?.text ?? '')).toEqual(answer?.json && toJson(ValueSchema, answer.json));
  });

  it('may be one of the configuration', async () => {
    const { answer } = await grpc.unary(generate, { task: 'chat', prompt: 'How?', schemaName: 'mood' });
    expect(answer?.structured).toMatchObject({ valid: true });
    const { details } = await grpc.unary(generate, { task: 'chat', prompt: 'How?', schemaName: 'mud' });
    expect(details['BadRequest']).toMatchObject({ fieldViolations: [{ field: 'schema_name' }] });
  });

  it('that is not followed is a failed precondition with what is wrong', async () => {
    under.emulator.scenarios.add([{ ...WRONG, times: 0, ...whole }]);
    const { code, details } = await grpc.unary(generate, ask);
    expect(code).toBe(9);
    const info = details['ErrorInfo'] as ErrorInfo;
    expect(info).toMatchObject({ reason: 'SCHEMA_MISMATCH', metadata: { text: WRONG.text } });
    expect(JSON.parse(info.metadata['errors'] ?? '')).toMatchObject([{ path: '/mood' }]);
  });

  it('has the document of a stream in its last message, and ends a wrong one', async () => {
    const good = grpc.stream(generateStream, { request: ask });
    for await (const _message of good);
    const last = good.received.at(-1)?.event;
    expect(last?.case === 'done' && last.value.structured).toMatchObject({ valid: true });
    expect(last?.case === 'done' && last.value.json).toBeDefined();
    under.emulator.scenarios.add({ text: '{"mood":"terrible"}', chunks: 19, times: 0, ...streamed });
    const bad = grpc.stream(generateStream, { request: ask });
    await expect(
      (async () => {
        for await (const _message of bad);
      })(),
    ).rejects.toBeDefined();
    expect(await bad.outcome).toMatchObject({
      code: 9,
      details: { ErrorInfo: { reason: 'SCHEMA_MISMATCH' } },
    });
  });
});
