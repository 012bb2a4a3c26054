import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { createConnection } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { framed } from '../../helpers/raw-grpc.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const { generate, generateStream } = GeminiGateway.method;
const ask = { task: 'chat', prompt: 'the word is heron' };

let under: GatewayUnderTest;
beforeAll(async () => {
  under = await gatewayUnderTest({
    environment: {
      GATEWAY__GRPC__MAX_CONCURRENT_STREAMS: '2',
      GATEWAY__GRPC__KEEPALIVE__TIME_MS: '1000',
      GATEWAY__GRPC__KEEPALIVE__TIMEOUT_MS: '500',
    },
  });
});
afterAll(() => under.close());

/** Type of a SETTINGS frame (RFC 9113, 6.5). */
const SETTINGS = 4;

interface Ended {
  readonly code: number;
  readonly why: string;
}

async function session(): Promise<{ session: ClientHttp2Session; ended: Promise<Ended> }> {
  const opened = connect(`http://${under.grpcAddress}`);
  opened.on('error', () => undefined);
  const ended = new Promise<Ended>((resolve) => {
    opened.on('goaway', (code, _last, why) => resolve({ code, why: Buffer.from(why ?? []).toString() }));
  });
  await new Promise((resolve) => opened.once('connect', resolve));
  return { session: opened, ended };
}

const ping = (of: ClientHttp2Session): Promise<unknown> =>
  new Promise((resolve) => {
    if (!of.destroyed) of.ping(resolve);
    else resolve(undefined);
  });

describe('a connection', () => {
  it('that pings without end is told to calm down, and closed', async () => {
    const { session: hasty, ended } = await session();
    for (let times = 0; times < 4; times += 1) await ping(hasty);
    expect(await ended).toEqual({ code: constants.NGHTTP2_ENHANCE_YOUR_CALM, why: 'too_many_pings' });
    await eventually(() => hasty.destroyed, 'the end of the connection');
  });

  it('that pings now and then is let be', async () => {
    const { session: calm, ended } = await session();
    await ping(calm);
    await ping(calm);
    const client = new GrpcTestClient(under.grpcAddress);
    expect(await client.unary(generate, ask)).toMatchObject({ code: status.OK });
    client.close();
    expect(await Promise.race([ended, ping(calm)])).toBeDefined();
    expect(calm.destroyed).toBe(false);
    calm.destroy();
  });

  it('may ping as it likes while it is sent something: so clients measure their lines', async () => {
    const { session: busy } = await session();
    const check = (): Promise<unknown> => {
      const call = busy.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      call.resume();
      call.end(framed(Buffer.alloc(0)));
      return once(call, 'close');
    };
    for (let times = 0; times < 5; times += 1) {
      await check();
      await ping(busy);
      await ping(busy);
    }
    expect(busy.destroyed).toBe(false);
    busy.destroy();
  });

  it('whose other end no longer answers is noticed, and closed', async () => {
    const [host = '', port = ''] = under.grpcAddress.split(':');
    const silent = createConnection({ host, port: Number(port) });
    // What opens a connection (RFC 9113, 3.4), and then nothing: its pings stay without an answer.
    silent.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    silent.write(Buffer.from([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]));
    silent.resume();
    const startedMs = performance.now();
    await once(silent, 'close');
    expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  });

  it('has no more calls at once than it may: others wait for their turn', async () => {
    under.emulator.scenarios.add({ chunks: 6, chunkDelayMs: 30, match: { text: 'heron' }, times: 0 });
    const client = new GrpcTestClient(under.grpcAddress, undefined, { 'grpc.use_local_subchannel_pool': 1 });
    await client.unary(generate, ask);
    const before = under.upstreamCalls().length;
    let most = 0;
    const watching = setInterval(() => {
      const open = under
        .upstreamCalls()
        .slice(before)
        .filter(({ outcome }) => outcome === 'open').length;
      most = Math.max(most, open);
    }, 5);
    const streams = Array.from({ length: 6 }, () => client.streamed(generateStream, { request: ask }));
    const codes = (await Promise.all(streams)).map(({ code }) => code);
    clearInterval(watching);
    client.close();
    expect(codes).toEqual(Array.from({ length: 6 }, () => status.OK));
    expect(most).toBe(2);
  });
});

it('calls beyond those that the gateway may have in flight are refused, over all surfaces', async () => {
  const crowded = await gatewayUnderTest({ environment: { GATEWAY__SERVER__MAX_REQUESTS_IN_FLIGHT: '2' } });
  const client = new GrpcTestClient(crowded.grpcAddress);
  crowded.emulator.scenarios.add({ delayMs: 400, times: 2, match: { text: 'heron' } });
  const held = [client.unary(generate, ask), jsonOf(crowded.call('/v1/generate', ask))] as const;
  await eventually(() => crowded.upstreamCalls().length === 2, 'the calls in flight');
  expect(await client.unary(generate, ask)).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: {
      ErrorInfo: { reason: 'QUEUE_FULL' },
      RetryInfo: { retryDelay: { seconds: 1n } },
      QuotaFailure: { violations: [{ subject: 'gateway' }] },
    },
  });
  expect(await held[0]).toMatchObject({ code: status.OK });
  expect(await held[1]).toMatchObject({ status: 200 });
  // Both places are free again.
  expect(await client.unary(generate, ask)).toMatchObject({ code: status.OK });
  client.close();
  await crowded.close();
});

it('a message takes its part of the room that bodies have, over all surfaces', async () => {
  const crowded = await gatewayUnderTest({
    environment: { GATEWAY__SERVER__MAX_BODY_BYTES_IN_FLIGHT: '10000' },
  });
  const client = new GrpcTestClient(crowded.grpcAddress);
  crowded.emulator.scenarios.add({ delayMs: 400, match: { text: 'heron' } });
  const held = client.unary(generate, { task: 'chat', prompt: `heron ${'x'.repeat(9_980)}` });
  await eventually(() => crowded.upstreamCalls().length === 1, 'the call in flight');
  expect(await jsonOf(crowded.call('/v1/generate', ask))).toMatchObject({ status: 429 });
  expect(await held).toMatchObject({ code: status.OK });
  expect(await jsonOf(crowded.call('/v1/generate', ask))).toMatchObject({ status: 200 });
  client.close();
  await crowded.close();
});

it('connections beyond those that the gateway may have are closed', async () => {
  const full = await gatewayUnderTest({ environment: { GATEWAY__SERVER__MAX_CONNECTIONS: '1' } });
  const first = new GrpcTestClient(full.grpcAddress, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  const second = new GrpcTestClient(full.grpcAddress, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  expect(await first.unary(generate, ask)).toMatchObject({ code: status.OK });
  expect(await second.unary(generate, ask)).toMatchObject({ code: status.UNAVAILABLE });
  first.close();
  second.close();
  await full.close();
});
