import { constants } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import {
  GeminiGateway,
  GenerateStreamRequestSchema,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient, pathOf } from '../../helpers/grpc-client.js';
import { framed, rawCall } from '../../helpers/raw-grpc.js';

const { generate, generateStream } = GeminiGateway.method;
const ask = { task: 'chat', prompt: 'the word is heron' };
const LONG_MS = 60_000;
const BOUND_MS = 100;
const SLOW_STREAM: Scenario = { chunks: 8, chunkText: 'twelve chars', chunkDelayMs: 150 };

let under: GatewayUnderTest;
let client: GrpcTestClient;
let before = 0;
beforeAll(async () => {
  under = await gatewayUnderTest({
    config: `${DEFAULT_CONFIG}  brief: { models: [gemini-3.8-flash], timeoutMs: 300 }\n`,
  });
  client = new GrpcTestClient(under.grpcAddress);
});
beforeEach(() => {
  under.emulator.scenarios.clear();
  before = under.upstreamCalls().length;
});
afterAll(async () => {
  client.close();
  await under.close();
});

const calls = (): readonly LedgerEntry[] => under.upstreamCalls().slice(before);
const add = (scenario: Scenario): void => {
  under.emulator.scenarios.add({ match: { text: 'heron' }, ...scenario });
};

async function lineOf(id: string): Promise<Record<string, unknown>> {
  return eventually(
    () => under.logs.find(({ context, request_id }) => context === 'request' && request_id === id),
    `the line of ${id}`,
  );
}

async function expectLetGo(): Promise<void> {
  const leftMs = performance.now();
  await eventually(() => calls()[0]?.aborted, 'the end of the upstream call');
  expect(performance.now() - leftMs).toBeLessThan(BOUND_MS);
  expect(calls()).toHaveLength(1);
}

describe('a caller who cancels', () => {
  it.each<[when: string, scenario: Scenario]>([
    ['before the upstream answers', { delayMs: LONG_MS }],
    ['between headers and body of the upstream', { firstChunkDelayMs: LONG_MS }],
  ])('a unary call %s takes the upstream call along', async (when, scenario) => {
    add(scenario);
    const id = when.replaceAll(' ', '-');
    let cancel = (): void => undefined;
    const made = client.unary(generate, ask, { metadata: { 'x-request-id': id } }, (call) => {
      cancel = () => call.cancel();
    });
    await eventually(() =>
      scenario.firstChunkDelayMs === undefined ? calls()[0] : calls()[0]?.status === 200,
    );
    cancel();
    expect(await made).toMatchObject({ code: status.CANCELLED });
    await expectLetGo();
    expect(await lineOf(id)).toMatchObject({
      outcome: 'abandoned',
      status_code: status.CANCELLED,
      retry_count: 0,
    });
  });

  it('a stream after its first messages pays for what came, and no more comes', async () => {
    add(SLOW_STREAM);
    const id = 'cancelled-in-mid-stream';
    const stream = client.stream(generateStream, { request: ask }, { metadata: { 'x-request-id': id } });
    const reading = (async () => {
      for await (const _message of stream) if (stream.received.length === 2) stream.call.cancel();
    })();
    await reading.catch(() => undefined);
    expect((await stream.outcome).code).toBe(status.CANCELLED);
    await expectLetGo();
    expect(calls()[0]?.chunksSent).toBeLessThan(8);
    expect(await lineOf(id)).toMatchObject({
      outcome: 'abandoned',
      status_code: status.CANCELLED,
      output_tokens: calls()[0]?.outputTokens,
    });
  });

  it('by closing the connection takes the upstream call along', async () => {
    add({ delayMs: LONG_MS });
    const leaving = new GrpcTestClient(under.grpcAddress, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    const stream = leaving.stream(generateStream, { request: ask });
    stream.call.on('data', () => undefined);
    await eventually(() => calls()[0]);
    stream.call.cancel();
    leaving.close();
    await expectLetGo();
  });
});

describe('a deadline', () => {
  it.each(['unary', 'stream'])('of the caller reaches the upstream (%s)', async (how) => {
    add({ delayMs: LONG_MS });
    const id = `late-${how}`;
    const options = { timeoutMs: 250, metadata: { 'x-request-id': id } };
    const startedMs = performance.now();
    const { code } =
      how === 'unary'
        ? await client.unary(generate, ask, options)
        : await client.streamed(generateStream, { request: ask }, options);
    expect(code).toBe(status.DEADLINE_EXCEEDED);
    await expectLetGo();
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(await lineOf(id)).toMatchObject({
      // Which of the two clocks is first, the caller's or ours, is a matter of luck.
      outcome: expect.stringMatching(/^(?:DEADLINE_EXCEEDED|abandoned)$/),
      status_code: status.DEADLINE_EXCEEDED,
    });
  });

  it('in the middle of a stream ends it, and the upstream call', async () => {
    add(SLOW_STREAM);
    const { code, messages } = await client.streamed(generateStream, { request: ask }, { timeoutMs: 400 });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
    expect(messages.length).toBeGreaterThan(0);
    await expectLetGo();
  });

  it('of the task bounds a call that has none, and is told with details', async () => {
    add({ delayMs: LONG_MS });
    const { code, details } = await client.unary(generate, { ...ask, task: 'brief' });
    expect({ code, details }).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: { ErrorInfo: { reason: 'DEADLINE_EXCEEDED' } },
    });
    await expectLetGo();
  });

  it('longer than the task’s does not lengthen it', async () => {
    add({ delayMs: LONG_MS });
    const startedMs = performance.now();
    await client.unary(generate, { ...ask, task: 'brief' }, { timeoutMs: LONG_MS });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

it('an answer that nobody reads is given up a moment after its time, and its stream reset', async () => {
  add({ chunks: 1_000, chunkText: 'x'.repeat(10_000) });
  const call = rawCall(under.grpcAddress, pathOf(generateStream), { 'x-request-id': 'never-read' });
  const request = { request: { ...ask, task: 'brief' } };
  const message = create(GenerateStreamRequestSchema, request);
  call.stream.end(framed(toBinary(GenerateStreamRequestSchema, message)));
  call.stream.pause();
  expect(await call.answer).toMatchObject({ code: undefined, resetCode: constants.NGHTTP2_CANCEL });
  call.close();
  expect(await lineOf('never-read')).toMatchObject({
    outcome: 'abandoned',
    status_code: status.DEADLINE_EXCEEDED,
  });
});
