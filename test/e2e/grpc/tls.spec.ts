import { mkdtempSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { selfSigned, type SelfSigned } from '../../faults/certificates.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';

const { generate } = GeminiGateway.method;
const ask = { task: 'chat', prompt: 'the word is heron' };
const directory = mkdtempSync(join(tmpdir(), 'gateway-grpc-tls-'));
const server = selfSigned(1);
const caller = selfSigned(1);
const stranger = selfSigned(1);

/** Writes a file as a whole, as those do who rotate certificates. */
async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
  return `file:${path}`;
}

let own: Record<string, string>;
const opened: { close(): unknown }[] = [];
beforeAll(async () => {
  own = {
    GATEWAY__GRPC__TLS__CERTIFICATE: await file('server.pem', server.cert),
    GATEWAY__GRPC__TLS__KEY: await file('server.key', server.key),
    GATEWAY__GRPC__TLS__RELOAD_INTERVAL_MS: '1000',
  };
});
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function serving(environment: Record<string, string>): Promise<GatewayUnderTest> {
  const under = await gatewayUnderTest({ environment });
  opened.push(under);
  return under;
}

/** A client that trusts the server's certificate, and shows one of its own where it has one. */
function clientOf(under: GatewayUnderTest, shown?: SelfSigned, trusted = server): GrpcTestClient {
  const pair = shown === undefined ? [] : [Buffer.from(shown.key), Buffer.from(shown.cert)];
  const client = new GrpcTestClient(
    under.grpcAddress,
    credentials.createSsl(Buffer.from(trusted.cert), ...pair),
    { 'grpc.use_local_subchannel_pool': 1 },
  );
  opened.push(client);
  return client;
}

const call = (client: GrpcTestClient) => client.unary(generate, ask, { timeoutMs: 10_000 });

describe('with a certificate', () => {
  it('the surface speaks TLS alone', async () => {
    const under = await serving(own);
    expect(await call(clientOf(under))).toMatchObject({ code: status.OK });
    const plain = new GrpcTestClient(under.grpcAddress);
    opened.push(plain);
    expect(await call(plain)).toMatchObject({ code: status.UNAVAILABLE });
    expect(await call(clientOf(under, undefined, stranger))).toMatchObject({ code: status.UNAVAILABLE });
  });

  it('a new one is served without a restart, once certificate and key fit', async () => {
    const under = await serving(own);
    const next = selfSigned(1);
    const shown = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const [host = '', port = ''] = under.grpcAddress.split(':');
        const socket = connect(
          { host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] },
          () => {
            resolve(socket.getPeerCertificate().raw.toString('base64'));
            socket.destroy();
          },
        );
        socket.on('error', reject);
      });
    const before = await shown();
    await file('server.pem', next.cert);
    await eventually(() => under.logText().includes('new certificates are not taken'), 'the refusal', 10_000);
    expect(await shown()).toBe(before);
    await file('server.key', next.key);
    await eventually(async () => (await shown()) !== before, 'the new certificate', 10_000);
    expect(await call(clientOf(under, undefined, next))).toMatchObject({ code: status.OK });
    await file('server.pem', server.cert);
    await file('server.key', server.key);
  }, 40_000);

  it('that is none, the gateway does not start', async () => {
    const broken = await file('broken.pem', 'no certificate');
    await expect(serving({ ...own, GATEWAY__GRPC__TLS__CERTIFICATE: broken })).rejects.toThrow(
      /grpc\.tls: must be/,
    );
    await expect(serving({ GATEWAY__GRPC__TLS__KEY: own['GATEWAY__GRPC__TLS__KEY'] ?? '' })).rejects.toThrow(
      /grpc\.tls: must have both certificate and key/,
    );
    await expect(
      serving({ GATEWAY__GRPC__TLS__CLIENT_CA: own['GATEWAY__GRPC__TLS__CERTIFICATE'] ?? '' }),
    ).rejects.toThrow(/grpc\.tls\.clientCa: needs certificate and key/);
  });
});

describe('with a CA for clients', () => {
  it('only clients with a certificate of it are let in, and need a key all the same', async () => {
    const under = await serving({ ...own, GATEWAY__GRPC__TLS__CLIENT_CA: await file('ca.pem', caller.cert) });
    const known = clientOf(under, caller);
    expect(await call(known)).toMatchObject({ code: status.OK });
    expect(await known.unary(generate, ask, { metadata: { authorization: '' } })).toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    expect(await call(clientOf(under))).toMatchObject({ code: status.UNAVAILABLE });
    expect(await call(clientOf(under, stranger))).toMatchObject({ code: status.UNAVAILABLE });
    expect(under.upstreamCalls().filter(({ model }) => model === 'gemini-3.8-flash')).toHaveLength(1);
  });
});
