import { gzipSync } from 'node:zlib';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  GeminiGateway,
  GenerateRequestSchema,
  Modality,
  Priority,
  type EmbedRequestSchema,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient, pathOf } from '../../helpers/grpc-client.js';
import { framed, rawCall } from '../../helpers/raw-grpc.js';

const { generate, generateStream, countTokens, embed } = GeminiGateway.method;
const GARBAGE = 'garbage-4711';
const ask = { task: 'chat', prompt: GARBAGE };
const text = { data: { case: 'text' as const, value: 'x' } };
const png = (data: Uint8Array) => ({
  ...ask,
  prompt: '',
  contents: [{ parts: [{ data: { case: 'inlineData' as const, value: { mimeType: 'image/png', data } } }] }],
});

let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({
    environment: {
      GATEWAY__GRPC__MAX_RECEIVE_MESSAGE_BYTES: '8000000',
      GATEWAY__GRPC__MAX_SEND_MESSAGE_BYTES: '2000',
      GATEWAY__GRPC__REQUEST_TIMEOUT_MS: '1000',
      GATEWAY__SERVER__MAX_JSON_VALUES: '100000',
    },
  });
  client = new GrpcTestClient(under.grpcAddress);
});
afterAll(async () => {
  client.close();
  await under.close();
});

/** The bytes of a question with one more field, whose number nobody knows. */
function withUnknownField(bytes: Uint8Array): Buffer {
  const unknown = new BinaryWriter().tag(3999, WireType.Varint).uint32(1).finish();
  return Buffer.concat([bytes, unknown]);
}

const questionBytes = toBinary(GenerateRequestSchema, create(GenerateRequestSchema, ask));

async function sendRaw(body: Buffer, headers: Record<string, string> = {}, path = pathOf(generate)) {
  const call = rawCall(under.grpcAddress, path, headers);
  call.stream.end(body);
  const answer = await call.answer;
  call.close();
  return answer;
}

describe('a request that cannot be answered', () => {
  it.each<[what: string, request: MessageInitShape<typeof GenerateRequestSchema>, field: string]>([
    ['neither task nor model', { prompt: GARBAGE }, 'task'],
    ['an unknown task', { task: `no-${GARBAGE}`, prompt: 'x' }, 'task'],
    ['prompt and contents', { ...ask, contents: [{ parts: [text] }] }, 'prompt'],
    ['neither prompt nor contents', { task: 'chat' }, 'prompt'],
    ['contents without parts', { task: 'chat', contents: [{ role: 'user' }] }, 'contents[0].parts'],
    ['an unknown role', { task: 'chat', contents: [{ role: 'x', parts: [text] }] }, 'contents[0].role'],
    ['a temperature out of range', { ...ask, generation: { temperature: 3 } }, 'generation.temperature'],
    ['a temperature that is none', { ...ask, generation: { temperature: NaN } }, 'generation.temperature'],
    ['a topK of nothing', { ...ask, generation: { topK: 0 } }, 'generation.top_k'],
    [
      'six stop sequences',
      { ...ask, generation: { stopSequences: Array.from('abcdef') } },
      'generation.stop_sequences',
    ],
    ['a priority that is none', { ...ask, priority: 99 as never }, 'priority'],
    [
      'a thinking level that is none',
      { ...ask, generation: { thinkingLevel: 9 as never } },
      'generation.thinking_level',
    ],
    [
      'a modality that is none',
      { ...ask, generation: { responseModalities: [Modality.UNSPECIFIED] } },
      'generation.response_modalities[0]',
    ],
    ['a feature with a line end', { ...ask, metadata: { feature: 'a\nb' } }, 'feature'],
    ['no bytes of an image', png(new Uint8Array()), 'contents[0].parts[0].inline_data.data'],
    ['an image that is none', png(Buffer.from(GARBAGE)), 'contents[0].parts[0].inline_data.data'],
    ['a field that is given twice', { ...ask, extra: { contents: [] } }, 'extra.contents'],
    [
      'a setting that is given twice',
      { ...ask, generation: { temperature: 1, extra: { temperature: 2 } } },
      'generation.extra.temperature',
    ],
    [
      'several answers',
      { ...ask, generation: { extra: { candidateCount: 2 } } },
      'generation.extra.candidateCount',
    ],
    [
      'several answers, by another way',
      { ...ask, extra: { generationConfig: { candidateCount: 2 } } },
      'generation.extra.candidateCount',
    ],
  ])('%s: refused with the name of the field', async (_what, request, field) => {
    const before = under.upstreamCalls().length;
    const { code, details, message } = await client.unary(generate, request);
    expect({ code, reason: details['ErrorInfo'], violations: details['BadRequest'] }).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: { reason: 'INVALID_REQUEST' },
      violations: { fieldViolations: [{ field }] },
    });
    expect(message.length).toBeGreaterThan(10);
    expect(under.upstreamCalls().length).toBe(before);
  });

  it.each<[what: string, request: MessageInitShape<typeof EmbedRequestSchema>, field: string]>([
    ['nothing to embed', { model: 'gemini-embedding-001' }, 'texts'],
    ['an empty text to embed', { model: 'gemini-embedding-001', texts: ['a', ''] }, 'texts[1]'],
    ['no dimensions', { model: 'gemini-embedding-001', texts: ['a'], dimensions: 0 }, 'dimensions'],
  ])('%s: refused with the name of the field', async (_what, request, field) => {
    expect((await client.unary(embed, request)).details).toMatchObject({
      BadRequest: { fieldViolations: [{ field }] },
    });
  });

  it('without its question is refused, whatever the method', async () => {
    const counted = await client.unary(countTokens, {});
    const streamed = await client.streamed(generateStream, {});
    for (const { code, message } of [counted, streamed])
      expect({ code, message }).toEqual({ code: status.INVALID_ARGUMENT, message: '"request" is missing.' });
  });

  it('counting takes no setting that it has no use for', async () => {
    const { details } = await client.unary(countTokens, { request: { ...ask, priority: Priority.BATCH } });
    expect(details).toMatchObject({ BadRequest: { fieldViolations: [{ field: 'priority' }] } });
  });

  it('for a model that no project serves is NOT_FOUND, and told which are', async () => {
    const { code, message } = await client.unary(generate, { model: 'gemini-0', prompt: 'x' });
    expect(code).toBe(status.NOT_FOUND);
    expect(message).toContain('gemini-3.8-flash');
  });
});

describe('bytes that are no request', () => {
  it('are refused without being quoted', async () => {
    const { code, message } = await sendRaw(framed(Buffer.from(`\xff\xff${GARBAGE}`, 'latin1')));
    expect({ code, message }).toEqual({
      code: status.INVALID_ARGUMENT,
      message: 'The message is no valid GenerateRequest.',
    });
  });

  it('a text that is no UTF-8 is refused', async () => {
    const bytes = new BinaryWriter()
      .tag(3, WireType.LengthDelimited)
      .bytes(Buffer.from([0xff, 0xfe]))
      .finish();
    expect(await sendRaw(framed(bytes))).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('an unknown field is refused, not dropped', async () => {
    expect(await sendRaw(framed(withUnknownField(questionBytes)))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: 'The message has a field that this gateway does not know: number 3999.',
    });
  });

  it('an unknown field within a message is refused by its place', async () => {
    const part = withUnknownField(new Uint8Array());
    const content = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(part).finish();
    const request = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .string('chat')
      .tag(4, WireType.LengthDelimited)
      .bytes(content)
      .finish();
    expect((await sendRaw(framed(request))).message).toMatch(/^"contents\[0\]\.parts\[0\]" has a field/);
  });

  it('JSON that is nested too deeply is refused', async () => {
    const nested = (levels: number): never => (levels === 0 ? 1 : { a: nested(levels - 1) }) as never;
    const refused = await client.unary(generate, { ...ask, extra: { a: nested(150) } });
    expect(refused).toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining('deeply'),
    });
    expect(await client.unary(generate, { ...ask, extra: { a: nested(90) } })).toMatchObject({ code: 0 });
  });

  it('more values than the bound are refused before anything is built of them', async () => {
    // Two bytes each, and an object each once it is built.
    const parts = new BinaryWriter();
    for (let part = 0; part < 200_000; part += 1) parts.tag(2, WireType.LengthDelimited).uint32(0);
    const bytes = new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(parts.finish()).finish();
    expect(await sendRaw(framed(bytes))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: 'The message holds more than 100000 values.',
    });
  });

  it('a large image is no reason for that', async () => {
    const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1A\n', 'latin1'), Buffer.alloc(1_000_000, 7)]);
    expect(await client.unary(generate, png(PNG))).toMatchObject({ code: 0 });
  });
});

describe('messages that are too large', () => {
  const told = {
    code: status.INVALID_ARGUMENT,
    message: 'The message is larger than this gateway takes: 8000000 bytes.',
  };

  it('are refused by their announced length, before they arrive', async () => {
    const call = rawCall(under.grpcAddress, pathOf(generate));
    call.stream.write(framed(Buffer.alloc(10), { length: 9_000_000 }));
    expect(await call.answer).toMatchObject(told);
    call.close();
  });

  it('are refused by what they become, where they are compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(9_000_000));
    expect(await sendRaw(framed(bomb, { compressed: true }), { 'grpc-encoding': 'gzip' })).toMatchObject(
      told,
    );
  });

  it('are told with details as every failure', async () => {
    const { code, details, headers } = await client.unary(generate, {
      ...ask,
      prompt: 'x'.repeat(8_000_100),
    });
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(details).toMatchObject({
      ErrorInfo: { reason: 'REQUEST_TOO_LARGE', metadata: { requestId: headers['x-request-id'] } },
    });
  });

  it('are not sent either', async () => {
    under.emulator.scenarios.add({ text: 'y'.repeat(3_000), match: { text: GARBAGE } });
    expect(await client.unary(generate, ask)).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: { ErrorInfo: { reason: 'REQUEST_TOO_LARGE' } },
    });
  });

  it('compressed as gRPC knows it are taken', async () => {
    const answer = await sendRaw(framed(gzipSync(questionBytes), { compressed: true }), {
      'grpc-encoding': 'gzip',
    });
    expect(answer).toMatchObject({ code: status.OK });
  });

  it('compressed otherwise are refused', async () => {
    const answer = await sendRaw(framed(questionBytes, { compressed: true }), { 'grpc-encoding': 'br' });
    expect(answer).toMatchObject({
      code: status.UNIMPLEMENTED,
      message: 'The message is compressed in a way that is not known here.',
    });
  });
});

describe('calls that are not whole', () => {
  it('closed without a message are refused', async () => {
    expect(await sendRaw(Buffer.alloc(0))).toMatchObject({
      code: status.UNIMPLEMENTED,
      message: 'The call must have exactly one request message.',
    });
  });

  it('with two messages are refused', async () => {
    const one = framed(questionBytes);
    expect(await sendRaw(Buffer.concat([one, one]))).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it('that never bring the rest are given up after their time', async () => {
    const beginnings = {
      nothing: Buffer.alloc(0),
      'half of the message': framed(questionBytes).subarray(0, 9),
      'the message, but not its end': framed(questionBytes),
    };
    const answers = Object.entries(beginnings).map(async ([what, bytes]) => {
      const call = rawCall(under.grpcAddress, pathOf(generate));
      if (bytes.byteLength > 0) call.stream.write(bytes);
      const { code, message } = await call.answer;
      call.close();
      return [what, { code, message }];
    });
    const late = {
      code: status.DEADLINE_EXCEEDED,
      message: 'The request message did not arrive in time.',
    };
    expect(Object.fromEntries(await Promise.all(answers))).toEqual({
      nothing: late,
      'half of the message': late,
      'the message, but not its end': late,
    });
  });

  it('with a timeout that is none are refused', async () => {
    expect(await sendRaw(framed(questionBytes), { 'grpc-timeout': 'soon' })).toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('that arrive after their deadline are refused without an upstream call', async () => {
    const before = under.upstreamCalls().length;
    expect(await sendRaw(framed(questionBytes), { 'grpc-timeout': '1n' })).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      message: 'The deadline of the call had passed when it arrived.',
    });
    expect(under.upstreamCalls().length).toBe(before);
  });

  it('of methods that are not there are UNIMPLEMENTED', async () => {
    expect(await sendRaw(framed(questionBytes), {}, `/${GeminiGateway.typeName}/Nothing`)).toMatchObject({
      code: status.UNIMPLEMENTED,
    });
  });
});

it('nothing of what was sent stands in the log, and each call has its line', async () => {
  const id = 'the-last-one';
  await client.unary(
    generate,
    { ...ask, generation: { temperature: 3 } },
    { metadata: { 'x-request-id': id } },
  );
  const line = await eventually(() => under.logs.find(({ request_id }) => request_id === id), 'the line');
  expect(line).toMatchObject({ outcome: 'INVALID_REQUEST', status_code: status.INVALID_ARGUMENT });
  expect(under.logText()).not.toContain(GARBAGE);
  const refused = under.logs.filter(({ outcome }) => outcome === 'REQUEST_TOO_LARGE');
  expect(refused.length).toBeGreaterThanOrEqual(3);
});
