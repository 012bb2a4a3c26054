import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import type { Scenario } from '../../../src/emulator/scenario.js';
import { GeminiGateway } from '../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { GrpcTestClient } from '../../helpers/grpc-client.js';

const { generate, generateStream, explain } = GeminiGateway.method;
const ask = { model: 'gemini-3.8-flash', prompt: 'the word is heron' };

const FAST = `${DEFAULT_CONFIG}\nresilience: { backoffMs: 1, maxBackoffMs: 1 }\n`;

let under: GatewayUnderTest;
let client: GrpcTestClient;
beforeAll(async () => {
  under = await gatewayUnderTest({ config: FAST });
  client = new GrpcTestClient(under.grpcAddress);
});
afterEach(() => under.emulator.scenarios.clear());
afterAll(async () => {
  client.close();
  await under.close();
});

const add = (scenario: Scenario): void => {
  under.emulator.scenarios.add({ match: { text: 'heron' }, times: 0, ...scenario });
};

interface Expected {
  readonly scenario: Scenario;
  readonly code: status;
  readonly reason: string;
}

const FAILURES: Readonly<Record<string, Expected>> = {
  'a blocked prompt': {
    scenario: { kind: 'prompt-block' },
    code: status.FAILED_PRECONDITION,
    reason: 'SAFETY_BLOCKED',
  },
  'an answer blocked for safety': {
    scenario: { kind: 'safety' },
    code: status.FAILED_PRECONDITION,
    reason: 'SAFETY_BLOCKED',
  },
  'an empty answer': {
    scenario: { kind: 'empty-content' },
    code: status.UNAVAILABLE,
    reason: 'EMPTY_RESPONSE',
  },
  'an answer without a finish': {
    scenario: { kind: 'no-finish' },
    code: status.UNAVAILABLE,
    reason: 'UPSTREAM_PROTOCOL',
  },
  'a malformed tool call': {
    scenario: { kind: 'malformed-function-call' },
    code: status.UNAVAILABLE,
    reason: 'UPSTREAM_PROTOCOL',
  },
  'an overload': {
    scenario: { kind: 'unavailable-503' },
    code: status.UNAVAILABLE,
    reason: 'UPSTREAM_OVERLOADED',
  },
  'a page of HTML': {
    scenario: { kind: 'html-200' },
    code: status.UNAVAILABLE,
    reason: 'UPSTREAM_PROTOCOL',
  },
  'a key that Google refuses': {
    scenario: { kind: 'bad-key' },
    code: status.INTERNAL,
    reason: 'UPSTREAM_AUTH',
  },
  'a used-up minute': {
    scenario: { kind: 'rate-minute' },
    code: status.RESOURCE_EXHAUSTED,
    reason: 'UPSTREAM_RATE_LIMITED',
  },
  'a used-up day': {
    scenario: { kind: 'rate-day' },
    code: status.RESOURCE_EXHAUSTED,
    reason: 'UPSTREAM_QUOTA_EXHAUSTED',
  },
};

describe.each(Object.entries(FAILURES))('%s', (what, { scenario, code, reason }) => {
  const id = what.replaceAll(' ', '-');

  // Each in a gateway of its own: some set keys and targets aside for a while.
  it.each(['unary', 'stream'])('has its code, its reason and no inside (%s)', async (how) => {
    const own = await gatewayUnderTest({ config: FAST });
    const caller = new GrpcTestClient(own.grpcAddress);
    try {
      own.emulator.scenarios.add({ match: { text: 'heron' }, times: 0, ...scenario });
      // Short of any wait that a quota asks for.
      const options = { metadata: { 'x-request-id': id }, timeoutMs: 5_000 };
      const outcome =
        how === 'unary'
          ? await caller.unary(generate, ask, options)
          : await caller.streamed(generateStream, { request: ask }, options);
      expect({ code: outcome.code, reason: outcome.details['ErrorInfo'] }).toMatchObject({
        code,
        reason: { reason, domain: 'gemini-gateway', metadata: { requestId: id } },
      });
      expect(outcome.status).toMatchObject({ code, message: outcome.message });
      expect(outcome.headers['x-request-id']).toBe(id);
      const said = JSON.stringify(outcome, (_name, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      for (const inside of ['upstream-key', TEST_KEY, '    at ', own.emulator.url])
        expect(said).not.toContain(inside);
    } finally {
      caller.close();
      await own.close();
    }
  });
});

describe('a stream that fails after its first message', () => {
  it('delivers what came, then the status with its details and what was used', async () => {
    add({ kind: 'mid-stream-error-event' });
    const { code, messages, details, headers } = await client.streamed(generateStream, { request: ask });
    expect(messages.length).toBeGreaterThan(0);
    expect(messages.every(({ event }) => event.case === 'delta')).toBe(true);
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatchObject({
      ErrorInfo: { reason: 'UPSTREAM_OVERLOADED', metadata: { requestId: headers['x-request-id'] } },
    });
    expect(headers['x-gateway-target']).toBe('main/gemini-3.8-flash');
  });

  it('tells of a finish that is no answer by a status, not by a done', async () => {
    add({ kind: 'safety' });
    const { code, messages, details } = await client.streamed(generateStream, { request: ask });
    expect(messages.some(({ event }) => event.case === 'done')).toBe(false);
    expect(code).toBe(status.FAILED_PRECONDITION);
    expect(details['Usage']).toMatchObject({ inputTokens: under.upstreamCalls().at(-1)?.inputTokens });
  });
});

describe('details', () => {
  it('of a quota say whose it is, and when to try again', async () => {
    const own = await gatewayUnderTest({ config: FAST });
    const caller = new GrpcTestClient(own.grpcAddress);
    own.emulator.scenarios.add({ kind: 'rate-minute', match: { text: 'heron' }, times: 0 });
    const { details } = await caller.unary(generate, ask, { timeoutMs: 5_000 });
    caller.close();
    await own.close();
    expect(details).toMatchObject({
      QuotaFailure: {
        violations: [
          { subject: 'upstream', quotaId: expect.stringContaining('PerMinute'), description: /quota/ },
        ],
      },
      ErrorInfo: { metadata: { quotaKind: 'minute' } },
    });
    const { retryDelay } = details['RetryInfo'] as unknown as { retryDelay: { seconds: bigint } };
    expect(Number(retryDelay.seconds)).toBeGreaterThan(0);
  });

  it('of a refused request name the field as the proto file does', async () => {
    const { code, message, details } = await client.unary(generate, {
      ...ask,
      generation: { maxOutputTokens: -1 },
    });
    expect(code).toBe(status.INVALID_ARGUMENT);
    expect(message).toBe('"generation.max_output_tokens" must be >= 1.');
    expect(details).toMatchObject({
      BadRequest: {
        fieldViolations: [
          { field: 'generation.max_output_tokens', description: message, reason: 'INVALID_REQUEST' },
        ],
      },
      ErrorInfo: { metadata: { field: 'generation.max_output_tokens' } },
    });
  });
});

describe('Explain', () => {
  it('tells of a call why it went as it did', async () => {
    const id = 'to-be-explained';
    add({ kind: 'unavailable-503' });
    await client.unary(generate, ask, { metadata: { 'x-request-id': id } });
    const { answer } = await client.unary(explain, { id });
    expect(answer).toMatchObject({
      id,
      surface: 'grpc',
      operation: 'generate',
      model: 'gemini-3.8-flash',
      outcome: 'UPSTREAM_OVERLOADED',
      plan: [{ target: 'main/gemini-3.8-flash' }],
    });
    expect(answer?.attempts[0]).toMatchObject({
      target: 'main/gemini-3.8-flash',
      error: 'UPSTREAM_OVERLOADED',
      trouble: expect.stringMatching(/.+/),
    });
    expect(answer?.configVersion).toBeGreaterThan(0);
  });

  it('of a call that nobody remembers is NOT_FOUND', async () => {
    expect(await client.unary(explain, { id: 'never-made' })).toMatchObject({
      code: status.NOT_FOUND,
      details: { ErrorInfo: { reason: 'INVALID_REQUEST' } },
    });
  });
});
