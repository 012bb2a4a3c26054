import { createHash } from 'node:crypto';
import { toJson } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  GeminiGateway,
  GetQuotaResponseSchema,
} from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
const { generate, getQuota } = GeminiGateway.method;
const project = (id: string, limits = ''): string =>
  `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] }${limits} }`;

let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({
    config: `
models: { ${MODEL}: {} }
resilience: { backoffMs: 1, maxWaitMs: 50 }
projects:
${project('counted', `, limits: { ${MODEL}: { rpm: 3, tpm: 5000000000000, concurrentCalls: 5 } }`)}
${project('taught')}
${project('boundless')}
tasks: { chat: { models: [${MODEL}], strategy: ordered } }
auth: { keys: [{ id: plain, team: a, sha256: ${createHash('sha256').update('plain-key').digest('hex')} }] }
`,
    environment: { KEY_counted: 'key-counted', KEY_taught: 'key-taught', KEY_boundless: 'key-boundless' },
    emulator: { quotas: [{ project: 'key-taught', rpm: 1 }] },
  });
  client = new GrpcTestClient(under.grpcAddress);
});
afterAll(async () => {
  client.close();
  await under.close();
});

it('GetQuota tells what GET /v1/quota tells: limits, use and marks by target and bucket', async () => {
  for (let call = 0; call < 5; call += 1)
    expect(await client.unary(generate, { task: 'chat', prompt: 'heron' })).toMatchObject({ code: 0 });
  const { answer, code, message } = await client.unary(getQuota, {});
  expect({ code, message }).toEqual({ code: status.OK, message: 'OK' });
  expect(answer?.targets).toMatchObject([
    {
      project: 'counted',
      location: 'global',
      model: MODEL,
      openReservations: 0,
      marks: [],
      buckets: [
        { bucket: 'requestsPerMinute', limit: 3n, source: 'configured', used: 3n, reserved: 0n, debt: 0n },
        { bucket: 'inputTokensPerMinute', limit: 5_000_000_000_000n },
        { bucket: 'concurrentCalls', limit: 5n, used: 0n },
      ],
    },
    {
      project: 'taught',
      marks: [{ bucket: 'requestsPerMinute', why: expect.any(String) }],
      buckets: [{ bucket: 'requestsPerMinute', limit: 1n, source: 'learned' }],
    },
  ]);
  expect(answer?.targets[0]?.buckets[0]?.resetMs).toBeGreaterThan(0);
  expect(answer?.targets[1]?.marks[0]?.leftMs).toBeGreaterThan(0);
  const { json } = await jsonOf(under.call('/v1/quota'));
  // 64-bit integers are texts in JSON, and empty lists are left out unless they are asked for.
  const told = JSON.stringify(answer && toJson(GetQuotaResponseSchema, answer, { alwaysEmitImplicit: true }));
  const TIMES = /"(resetMs|leftMs)":[\d.]+/g;
  expect(JSON.parse(told.replaceAll(/"(\d+)"/g, '$1').replaceAll(TIMES, '"$1":0'))).toEqual(
    JSON.parse(JSON.stringify(json).replaceAll(TIMES, '"$1":0')),
  );
});

it('GetQuota is refused without the scope "admin"', async () => {
  const metadata = { authorization: 'Bearer plain-key' };
  expect(await client.unary(getQuota, {}, { metadata })).toMatchObject({
    code: status.PERMISSION_DENIED,
    message: 'The API key lacks the scope "admin".',
    details: { ErrorInfo: { reason: 'PERMISSION_DENIED' } },
    answer: undefined,
  });
  expect((await client.unary(getQuota, {}, { metadata: { authorization: '' } })).code).toBe(
    status.UNAUTHENTICATED,
  );
});
