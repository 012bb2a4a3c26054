import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient, pathOf } from '../../helpers/grpc-client.js';
import { framed, rawCall } from '../../helpers/raw-grpc.js';

const { generate, generateStream, listModels, explain } = GeminiGateway.method;
const ask = { task: 'chat', prompt: 'the word is heron' };
const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');

let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({
    config: `${DEFAULT_CONFIG}
auth:
  keys:
    - { id: of-birds, team: birds, tenant: birds, sha256: ${sha256('birds-key')} }
    - { id: of-files, team: files, sha256: ${sha256('files-key')}, scopes: [resources] }
`,
  });
  client = new GrpcTestClient(under.grpcAddress);
});
afterAll(async () => {
  client.close();
  await under.close();
});

const withKey = (metadata: Record<string, string>) => ({ metadata: { authorization: '', ...metadata } });

describe('a key', () => {
  it.each([
    ['as a bearer', { authorization: 'Bearer birds-key' }],
    ['as a bearer, whatever the letters', { authorization: 'bearer birds-key' }],
    ['as x-api-key', { 'x-api-key': 'birds-key' }],
    ['as x-goog-api-key', { 'x-goog-api-key': 'birds-key' }],
  ])('is taken %s', async (_how, metadata) => {
    expect(await client.unary(generate, ask, withKey(metadata))).toMatchObject({ code: status.OK });
  });

  it.each([
    ['none', {}],
    ['an unknown one', { authorization: 'Bearer nobody-has-it' }],
    ['another scheme', { authorization: `Basic ${TEST_KEY}` }],
  ])('is needed: %s is refused', async (_what, metadata) => {
    const before = under.upstreamCalls().length;
    const outcomes = [
      await client.unary(generate, ask, withKey(metadata)),
      await client.streamed(generateStream, { request: ask }, withKey(metadata)),
      await client.unary(listModels, {}, withKey(metadata)),
      await client.unary(explain, { id: 'x' }, withKey(metadata)),
    ];
    for (const { code, details } of outcomes) {
      expect({ code, details }).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: { ErrorInfo: { reason: 'UNAUTHENTICATED', domain: 'gemini-gateway' } },
      });
    }
    expect(under.upstreamCalls().length).toBe(before);
  });

  it('without the scope is refused, and its team is known', async () => {
    const options = { metadata: { authorization: 'Bearer files-key', 'x-request-id': 'lacks-scope' } };
    expect(await client.unary(generate, ask, options)).toMatchObject({
      code: status.PERMISSION_DENIED,
      message: 'The API key lacks the scope "generate".',
    });
    const line = under.logs.find(({ request_id }) => request_id === 'lacks-scope');
    expect(line).toMatchObject({ team_id: 'files', outcome: 'PERMISSION_DENIED', status_code: 7 });
  });

  it('is asked for before the message is read', async () => {
    const call = rawCall(under.grpcAddress, pathOf(generate), { authorization: 'Bearer nobody-has-it' });
    call.stream.write(framed(Buffer.alloc(10), { length: 1_000_000 }));
    expect(await call.answer).toMatchObject({ code: status.UNAUTHENTICATED });
    call.close();
  });

  it('is in no log', async () => {
    expect(under.logText()).not.toContain('birds-key');
    expect(under.logText()).not.toContain('nobody-has-it');
  });
});

it('a call is explained to its own tenant and to admins alone', async () => {
  await client.unary(generate, ask, { metadata: { 'x-request-id': 'of-an-admin' } });
  const asker = withKey({ authorization: 'Bearer birds-key' });
  expect(await client.unary(explain, { id: 'of-an-admin' }, asker)).toMatchObject({ code: status.NOT_FOUND });
  await client.unary(generate, ask, { metadata: { ...asker.metadata, 'x-request-id': 'of-birds' } });
  expect(await client.unary(explain, { id: 'of-birds' })).toMatchObject({ answer: { id: 'of-birds' } });
});

it('models and tasks are listed to whom may call them', async () => {
  const { answer } = await client.unary(listModels, {}, withKey({ authorization: 'Bearer birds-key' }));
  expect(answer?.models.find(({ id }) => id === 'gemini-3.8-flash')).toMatchObject({
    status: expect.stringMatching(/.+/),
    contextTokens: expect.any(Number),
    inputModalities: expect.arrayContaining(['text']),
    projects: ['main'],
  });
  expect(answer?.tasks).toMatchObject([
    { id: 'chat', models: ['gemini-3.8-flash'] },
    { id: 'summary', models: ['gemini-3.5-flash-lite', 'gemini-3.8-flash'] },
  ]);
});
