import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  GeminiGateway,
  type GenerateStreamResponse,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { TEST_KEY } from '../../helpers/gateway.js';
import { built, endAll, gatewayProcess, type GatewayProcess } from '../../helpers/gateway-process.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { startUpstream, type HttpUpstream } from '../../helpers/http-upstream.js';

const { generateStream } = GeminiGateway.method;
const request = { model: 'gemini-3.8-flash', prompt: 'on and on' };

/** What each stream would send, if it were read: far more than sockets hold. */
const MESSAGES = 10_000;
const TEXT_BYTES = 2_000;
const STREAMS = 8;
const MAX_BYTES_PER_STREAM = 2_000_000;
/** Nothing is read from the upstream for so long: then it is not read at all. */
const QUIET_MS = 300;

const part = { text: 'x'.repeat(TEXT_BYTES) };
const chunk = Buffer.from(`data: ${JSON.stringify({ candidates: [{ content: { parts: [part] } }] })}\n\n`);
const last = `data: ${JSON.stringify({ candidates: [{ content: { parts: [] }, finishReason: 'STOP' }] })}\n\n`;

/** Number of messages that the upstream could write, by stream. */
const written: number[] = [];

/** Writes no faster than it is read. */
function pump(res: ServerResponse, stream: number): void {
  while ((written[stream] ?? 0) < MESSAGES) {
    written[stream] = (written[stream] ?? 0) + 1;
    if (!res.write(chunk)) {
      res.once('drain', () => pump(res, stream));
      return;
    }
  }
  res.end(last);
}

let upstream: HttpUpstream;
let gateway: GatewayProcess;
let directory: string;
beforeAll(async () => {
  await built();
  upstream = await startUpstream((res, req) => {
    if (req.url?.includes('streamGenerateContent') !== true) {
      res.end('{}');
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    pump(res, written.push(0) - 1);
  });
  directory = await mkdtemp(join(tmpdir(), 'gateway-backpressure-'));
  const config = join(directory, 'own.yaml');
  await writeFile(
    config,
    `projects:
  - { id: main, provider: gemini, baseUrl: "${upstream.url}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
`,
  );
  gateway = gatewayProcess({
    GATEWAY_CONFIG: config,
    GATEWAY_BOOTSTRAP_KEY: TEST_KEY,
    UPSTREAM_KEY: 'k',
    GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '0',
    GATEWAY__TELEMETRY__LOG_LEVEL: 'info',
  });
  await gateway.serving();
}, 60_000);
afterAll(async () => {
  endAll();
  await gateway.ended;
  await upstream.close();
  await rm(directory, { recursive: true, force: true });
});

function residentBytes(): number {
  const status = readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024;
}

const clientOfItsOwn = (): GrpcTestClient =>
  new GrpcTestClient(gateway.grpcAddress(), undefined, { 'grpc.use_local_subchannel_pool': 1 });

/** A stream whose client stops after the first message. One that never began to read would be read by its library. */
function stall(client: GrpcTestClient) {
  const { call, outcome } = client.stream(generateStream, { request });
  const read = { texts: 0, done: 0 };
  call.on('data', ({ event }: GenerateStreamResponse) => {
    if (event.case === 'delta') read.texts += event.value.text.length;
    if (event.case === 'done') read.done += 1;
  });
  call.once('data', () => call.pause());
  return { call, outcome, read };
}

it('clients that do not read hold a bounded part of their answers, and the upstream is not read on', async () => {
  const clients = Array.from({ length: STREAMS + 1 }, clientOfItsOwn);
  try {
    // One that is read to its end: what serving a stream takes at all is there before anything is measured.
    const { messages } = await (clients[0] ?? clientOfItsOwn()).streamed(generateStream, { request });
    expect(messages).toHaveLength(MESSAGES + 1);
    const before = residentBytes();
    const stalled = clients.slice(1).map(stall);
    const mine = (): readonly number[] => written.slice(1);
    await eventually(() => mine().length === STREAMS && mine().every((count) => count > 0), 'every stream');
    let seen = '';
    let sinceMs = performance.now();
    const unread = (): boolean => {
      const now = mine().join();
      if (now !== seen) sinceMs = performance.now();
      seen = now;
      return performance.now() - sinceMs > QUIET_MS;
    };
    await eventually(unread, 'the end of the reading', 20_000);
    const held = residentBytes() - before;
    process.stdout.write(`held by ${STREAMS} stalled streams: ${Math.round(held / 1_024)} KiB\n`);
    expect(held).toBeLessThan(STREAMS * MAX_BYTES_PER_STREAM);
    for (const count of mine()) expect(count).toBeLessThan(MESSAGES);

    // Nothing is lost for one that goes on reading after all.
    const [first, ...others] = stalled;
    first?.call.resume();
    expect((await first?.outcome)?.code).toBe(0);
    expect(first?.read).toEqual({ texts: MESSAGES * TEXT_BYTES, done: 1 });
    for (const { call } of others) call.cancel();
  } finally {
    for (const client of clients) client.close();
  }
}, 60_000);
