import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startEmulator, type Emulator } from '../../../src/emulator/emulator.js';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckResponse,
} from '../../../src/transport/grpc/gen/grpc/health/v1/health_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { TEST_KEY } from '../../helpers/gateway.js';
import { built, endAll, gatewayProcess, type GatewayProcess } from '../../helpers/gateway-process.js';
import { GrpcTestClient, type GrpcStream } from '../../helpers/grpc-client.js';

const { check, list, watch } = Health.method;
const { generate, generateStream } = GeminiGateway.method;
const SERVICE = GeminiGateway.typeName;
const ask = { task: 'chat', prompt: 'the word is heron' };
const NO_KEY = { metadata: { authorization: '' } };

const directory = mkdtempSync(join(tmpdir(), 'gateway-grpc-process-'));
const config = join(directory, 'own.yaml');
let emulator: Emulator;
const clients: GrpcTestClient[] = [];

beforeAll(async () => {
  await built();
  emulator = await startEmulator();
  const credentials = '{ apiKeys: [{ secret: "env:GEMINI_API_KEY" }] }';
  await writeFile(
    config,
    `projects: [{ id: own, provider: gemini, baseUrl: "${emulator.url}", credentials: ${credentials} }]\n`,
  );
}, 60_000);
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  endAll();
  emulator.scenarios.clear();
});
afterAll(async () => {
  await emulator.close();
  await rm(directory, { recursive: true, force: true });
});

const start = (environment: Record<string, string> = {}): GatewayProcess =>
  gatewayProcess({
    GATEWAY_CONFIG: config,
    GEMINI_API_KEY: 'k',
    GATEWAY_BOOTSTRAP_KEY: TEST_KEY,
    ...environment,
  });

async function serving(gateway: GatewayProcess): Promise<GrpcTestClient> {
  await gateway.serving();
  const client = new GrpcTestClient(gateway.grpcAddress());
  clients.push(client);
  return client;
}

/** A stream of the emulator's has begun, behind so many calls before it. */
const begun = (calls: number): Promise<boolean> =>
  eventually(
    () => emulator.ledger.calls.slice(calls).some(({ stream, chunksSent }) => stream && chunksSent > 0),
    'the first chunk',
  );

/** Statuses that a watcher is told, as they come. */
function told(stream: GrpcStream<HealthCheckResponse>): ServingStatus[] {
  const statuses: ServingStatus[] = [];
  stream.call.on('data', (answer: HealthCheckResponse) => statuses.push(answer.status));
  return statuses;
}

describe('health', () => {
  it('is told without a key: of the server, of the service, and of no other', async () => {
    const client = await serving(start());
    const of = (service: string) => client.unary(check, { service }, NO_KEY);
    expect(await of('')).toMatchObject({ answer: { status: ServingStatus.SERVING } });
    expect(await of(SERVICE)).toMatchObject({ answer: { status: ServingStatus.SERVING } });
    expect(await of('no.such.Service')).toMatchObject({ code: status.NOT_FOUND });
    expect((await client.unary(list, {}, NO_KEY)).answer?.statuses).toMatchObject({
      '': { status: ServingStatus.SERVING },
      [SERVICE]: { status: ServingStatus.SERVING },
    });
    const unknown = told(client.stream(watch, { service: 'no.such.Service' }, NO_KEY));
    await eventually(() => unknown.length > 0, 'the first status');
    expect(unknown).toEqual([ServingStatus.SERVICE_UNKNOWN]);
  });

  it('SIGTERM: watchers are told at once, a stream goes on to its end, exit code 0', async () => {
    const gateway = start({ GATEWAY__SERVER__UNREADY_BEFORE_DRAIN_MS: '300' });
    const client = await serving(gateway);
    emulator.scenarios.add({ chunkDelayMs: 50, chunks: 20, match: { text: 'heron' } });
    const watching = client.stream(watch, { service: SERVICE }, NO_KEY);
    const statuses = told(watching);
    const calls = emulator.ledger.calls.length;
    const streaming = client.streamed(generateStream, { request: ask });
    await begun(calls);
    await eventually(() => statuses.length > 0, 'the first status');
    gateway.child.kill('SIGTERM');
    await eventually(() => statuses.length > 1, 'the change of status');
    expect(statuses).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
    // Whoever comes before the listener closes is served.
    expect((await client.unary(check, {}, NO_KEY)).answer?.status).toBe(ServingStatus.NOT_SERVING);
    const { code, messages } = await streaming;
    expect({ code, last: messages.at(-1)?.event.case }).toEqual({ code: status.OK, last: 'done' });
    expect((await watching.outcome).code).toBe(status.UNAVAILABLE);
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.stdout()).toContain(`"route":"/${SERVICE}/GenerateStream"`);
  });

  it('after SIGTERM new calls go elsewhere: the connection is given back', async () => {
    const gateway = start();
    const client = await serving(gateway);
    emulator.scenarios.add({ chunkDelayMs: 50, chunks: 20, match: { text: 'heron' } });
    const calls = emulator.ledger.calls.length;
    const streaming = client.streamed(generateStream, { request: ask });
    await begun(calls);
    gateway.child.kill('SIGTERM');
    const refused = async (): Promise<boolean> =>
      (await client.unary(check, {}, { ...NO_KEY, timeoutMs: 200 })).answer === undefined;
    await eventually(refused, 'a refusal of new calls');
    expect(emulator.ledger.calls.find(({ stream, outcome }) => stream && outcome === 'open')).toBeDefined();
    expect(await streaming).toMatchObject({ code: status.OK, message: 'OK' });
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
  });

  it('cuts a stream that outlasts the drain, with details, and lets the upstream go; exit code 0', async () => {
    const gateway = start({ GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '200' });
    const client = await serving(gateway);
    emulator.scenarios.add({ chunkDelayMs: 50, chunks: 400, match: { text: 'heron' } });
    const calls = emulator.ledger.calls.length;
    const streaming = client.streamed(generateStream, { request: ask });
    await begun(calls);
    gateway.child.kill('SIGTERM');
    expect(await streaming).toMatchObject({
      code: status.UNAVAILABLE,
      message: 'The gateway is shutting down; try again.',
      details: { ErrorInfo: { reason: 'CANCELLED' } },
    });
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    await eventually(() => emulator.ledger.calls.at(-1)?.aborted, 'the end of the upstream call');
  });
});

describe('the start', () => {
  it('says where gRPC is served, and a call is answered by the emulator where nothing is configured', async () => {
    const gateway = gatewayProcess({ GATEWAY_BOOTSTRAP_KEY: TEST_KEY });
    const client = await serving(gateway);
    const { code, headers } = await client.unary(generate, ask);
    expect({ code, upstream: headers['x-gateway-upstream'] }).toEqual({
      code: status.OK,
      upstream: 'emulator',
    });
  });

  it('on a port that is taken ends with one sentence', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const gateway = start({ GRPC_PORT: String(port) });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(gateway.stderr()).toContain(
      `listen EADDRINUSE: address already in use 127.0.0.1:${port}. Set GRPC_PORT to a free one.\n`,
    );
    expect(gateway.stderr()).not.toContain('    at ');
    await new Promise((resolve) => other.close(resolve));
  });

  it('on an HTTP port that is taken leaves nothing behind that would keep it from ending', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const gateway = start({ PORT: String(port) });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(gateway.stderr()).toContain('Set PORT to a free one.');
    await new Promise((resolve) => other.close(resolve));
  });

  it('without gRPC serves HTTP alone', async () => {
    const gateway = start({ GATEWAY__GRPC__ENABLED: 'false' });
    await gateway.serving();
    expect(gateway.stderr()).not.toContain('gRPC');
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
  });
});
