import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { Health } from '../../../src/transport/grpc/gen/grpc/health/v1/health_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const { generate, generateStream } = GeminiGateway.method;
const SECRET_PROMPT = 'nobody-may-read-this';
const ask = { task: 'chat', prompt: SECRET_PROMPT, metadata: { feature: 'inbox' } };
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

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

async function lineOf(id: string): Promise<Record<string, unknown>> {
  const lines = () =>
    under.logs.filter(({ context, request_id }) => context === 'request' && request_id === id);
  await eventually(() => lines().length > 0, `the line of ${id}`);
  // A second one would be there by now.
  await jsonOf(under.call('/health/live'));
  expect(lines()).toHaveLength(1);
  return lines()[0] ?? {};
}

const without = (line: Record<string, unknown>, ...names: string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(line).filter(([name]) => !names.includes(name)));

describe('the log line of a call', () => {
  it.each(['unary', 'stream'])('says the same as that of the same call by REST (%s)', async (how) => {
    const stream = how === 'stream';
    const headers = { 'x-request-id': `by-rest-${how}`, traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
    const body = { task: 'chat', prompt: SECRET_PROMPT, feature: 'inbox', stream };
    await jsonOf(under.call('/v1/generate', body, { headers }));
    const metadata = { ...headers, 'x-request-id': `by-grpc-${how}` };
    if (stream) await client.streamed(generateStream, { request: ask }, { metadata });
    else await client.unary(generate, ask, { metadata });
    const own = ['request_id', 'route', 'status_code', 'time', 'latency_ms', 'ttft_ms'];
    const byRest = await lineOf(`by-rest-${how}`);
    const byGrpc = await lineOf(`by-grpc-${how}`);
    expect(Object.keys(byGrpc).toSorted()).toEqual(Object.keys(byRest).toSorted());
    expect(without(byGrpc, ...own)).toEqual(without(byRest, ...own));
    expect(byGrpc).toMatchObject({
      route: `/${GeminiGateway.typeName}/${stream ? 'GenerateStream' : 'Generate'}`,
      status_code: status.OK,
      trace_id: TRACE,
      feature: 'inbox',
    });
  });

  it('of a failure has its reason and its code', async () => {
    under.emulator.scenarios.add({ kind: 'safety', match: { text: SECRET_PROMPT } });
    await client.unary(generate, ask, { metadata: { 'x-request-id': 'blocked' } });
    expect(await lineOf('blocked')).toMatchObject({
      outcome: 'blocked',
      status_code: status.FAILED_PRECONDITION,
      finish_reason: 'SAFETY',
    });
  });

  it('of an unknown task does not repeat what the caller wrote', async () => {
    await client.unary(
      generate,
      { ...ask, task: SECRET_PROMPT },
      { metadata: { 'x-request-id': 'unknown' } },
    );
    const line = await lineOf('unknown');
    expect(line).toMatchObject({ outcome: 'INVALID_REQUEST', status_code: status.INVALID_ARGUMENT });
    expect(line).not.toHaveProperty('task_type');
  });

  it('is written for health as well, and of nothing is content told', async () => {
    await client.unary(Health.method.check, {}, { metadata: { 'x-request-id': 'healthy' } });
    expect(await lineOf('healthy')).toMatchObject({ route: '/grpc.health.v1.Health/Check', outcome: 'ok' });
    expect(under.logText()).not.toContain(SECRET_PROMPT);
  });
});
