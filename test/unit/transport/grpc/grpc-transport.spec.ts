import { create, type DescService } from '@bufbuild/protobuf';
import { ServerCredentials, status } from '@grpc/grpc-js';
import type { PinoLogger } from 'nestjs-pino';
import { afterEach, describe, expect, it } from '@jest/globals';
import { throwError } from 'rxjs';
import { systemClock } from '../../../../src/core/clock.js';
import type { RequestLog, RequestLogEntry } from '../../../../src/telemetry/request-log.js';
import {
  GeminiGateway,
  ListModelsResponseSchema,
} from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { Health } from '../../../../src/transport/grpc/gen/grpc/health/v1/health_pb.js';
import type { GrpcAdmission } from '../../../../src/transport/grpc/grpc-admission.js';
import type { GrpcCertificates } from '../../../../src/transport/grpc/grpc-certificates.js';
import { GrpcConfig } from '../../../../src/transport/grpc/grpc.config.js';
import { GrpcEdge } from '../../../../src/transport/grpc/grpc-edge.js';
import { GrpcServer } from '../../../../src/transport/grpc/grpc-server.js';
import { GrpcTransport } from '../../../../src/transport/grpc/grpc-transport.js';
import { PingGuards } from '../../../../src/transport/grpc/ping-guard.js';
import { ServerConfig } from '../../../../src/transport/server.config.js';
import { GrpcTestClient } from '../../../helpers/grpc-client.js';

const { listModels } = GeminiGateway.method;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function transportWith(
  handler: () => Promise<unknown>,
  services: readonly DescService[] = [GeminiGateway, Health],
) {
  const config = Object.assign(new GrpcConfig(), { port: 0, host: '127.0.0.1' });
  const serverConfig = new ServerConfig();
  const lines: RequestLogEntry[] = [];
  const faults: unknown[] = [];
  const log = { write: (line: RequestLogEntry) => lines.push(line) } as unknown as RequestLog;
  const logger = {
    setContext: () => undefined,
    error: (about: unknown) => faults.push(about),
  } as unknown as PinoLogger;
  const admission = { admit: () => undefined } as unknown as GrpcAdmission;
  const certificates = {
    credentials: () => ServerCredentials.createInsecure(),
    close: () => undefined,
  } as unknown as GrpcCertificates;
  const edge = new GrpcEdge(admission, new PingGuards(config, systemClock), log, systemClock, config);
  const server = new GrpcServer(certificates, edge, config, serverConfig, systemClock);
  const transport = new GrpcTransport(edge, server, config, serverConfig, logger);
  for (const { typeName, methods } of services)
    for (const { name } of methods) transport.addHandler({ service: typeName, rpc: name }, handler);
  const listen = async (): Promise<GrpcTestClient> => {
    const failure = await new Promise<unknown>((resolve) => void transport.listen(resolve));
    closers.push(() => transport.close());
    if (failure !== undefined) throw failure as Error;
    const client = new GrpcTestClient(`127.0.0.1:${server.port}`);
    closers.push(() => client.close());
    return client;
  };
  return { listen, lines, faults };
}

describe('GrpcTransport', () => {
  it('does not listen where a method has no handler', async () => {
    const { listen } = transportWith(() => Promise.resolve(), [Health]);
    await expect(listen()).rejects.toThrow('/gemini_gateway.v1.GeminiGateway/Generate has no handler.');
  });

  it.each<[how: string, handler: () => Promise<unknown>]>([
    ['throws', () => Promise.reject(new Error('secret of the inside'))],
    [
      'fails as the framework has it',
      () => Promise.resolve(throwError(() => new Error('secret of the inside'))),
    ],
    ['gives what is no answer', () => Promise.resolve({ models: 'secret of the inside' })],
  ])(
    'a method that %s is INTERNAL: told to the log by its place, to the caller not at all',
    async (_how, handler) => {
      const { listen, faults, lines } = transportWith(handler);
      const client = await listen();
      const outcome = await client.unary(listModels, {}, { metadata: { 'x-request-id': 'r-1' } });
      expect(outcome).toMatchObject({
        code: status.INTERNAL,
        message: 'The gateway failed to handle this request.',
        details: { ErrorInfo: { reason: 'INTERNAL', metadata: { requestId: 'r-1' } } },
      });
      expect(faults).toEqual([{ request_id: 'r-1', error: expect.stringContaining('    at ') }]);
      expect(JSON.stringify([faults, outcome.message])).not.toContain('secret');
      expect(lines).toMatchObject([{ id: 'r-1', statusCode: status.INTERNAL, refusal: 'INTERNAL' }]);
    },
  );

  it('gives what a method answers', async () => {
    const answer = create(ListModelsResponseSchema, { models: [{ id: 'm' }] });
    const { listen, faults } = transportWith(() => Promise.resolve(answer));
    const client = await listen();
    expect((await client.unary(listModels, {})).answer).toEqual(answer);
    expect(faults).toEqual([]);
  });
});
