import type Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Reason } from '../../../src/core/gateway-error.js';
import type { ScenarioKind } from '../../../src/emulator/scenario-kinds.js';
import { ANTHROPIC_ERRORS } from '../../../src/transport/anthropic-api/anthropic-api.surface.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { anthropicClient, named, seenError } from './clients.js';

const model = 'gemini-3.8-flash';
/** No case may leave anything behind for the next: no target is left alone, no failure remembered. */
const CONFIG = `
resilience: { backoffMs: 1, maxWaitMs: 50 }
models:
  ${model}: {}
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    timeouts: { firstEventMs: 250, idleGapMs: 250 }
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
`;

const body = (about: string) => ({
  model,
  max_tokens: 1_000,
  messages: [{ role: 'user' as const, content: `tell me of ${about}` }],
});

/** One kind of failure for each way in which it is told. */
const REFUSED: readonly (readonly [ScenarioKind, Reason, number])[] = [
  ['not-found', 'MODEL_NOT_FOUND', 404],
  ['rate-minute', 'UPSTREAM_RATE_LIMITED', 429],
  ['rate-day', 'UPSTREAM_QUOTA_EXHAUSTED', 429],
  ['unavailable-503', 'UPSTREAM_OVERLOADED', 529],
  ['internal-500', 'UPSTREAM_UNAVAILABLE', 502],
  ['bad-key', 'UPSTREAM_AUTH', 502],
  ['missing-candidates', 'EMPTY_RESPONSE', 502],
];
const BROKEN: readonly (readonly [ScenarioKind, Reason])[] = [
  ['empty-content', 'EMPTY_RESPONSE'],
  ['malformed-function-call', 'UPSTREAM_PROTOCOL'],
  ['no-finish', 'UPSTREAM_PROTOCOL'],
  ['mid-stream-error-event', 'UPSTREAM_OVERLOADED'],
];

describe('what fails upstream, as Anthropic’s client sees it', () => {
  let under: GatewayUnderTest;
  let ai: Anthropic;
  // What one case does to its target must not be there in the next.
  beforeEach(async () => {
    await under?.close();
    under = await gatewayUnderTest({ config: CONFIG });
    ai = anthropicClient(under);
  });
  afterAll(() => under.close());

  const play = (kind: ScenarioKind): void =>
    void under.emulator.scenarios.add({ kind, match: { model }, times: 0 });

  it.each(REFUSED)('before the first byte: %s', async (kind, reason, status) => {
    play(kind);
    const { type } = ANTHROPIC_ERRORS[reason];
    const errors = await Promise.all([
      seenError(ai.messages.create(body(kind), named(`${kind}-whole`))),
      seenError(ai.messages.create({ ...body(kind), stream: true }, named(`${kind}-stream`))),
    ]);
    for (const error of errors)
      expect(error).toMatchObject({
        status,
        type,
        reason,
        requestId: expect.stringMatching(`^${kind}-`),
      });
  });

  it.each(BROKEN)('within an answer: %s is no end_turn', async (kind, reason) => {
    play(kind);
    const { type, status } = ANTHROPIC_ERRORS[reason];
    expect(await seenError(ai.messages.create(body(kind)))).toMatchObject({ status, type, reason });
    const error = await seenError(ai.messages.stream(body(kind), named('broken')).finalMessage());
    expect(error).toMatchObject({ status: undefined, type, reason, requestId: 'broken' });
    const response = await under.call('/anthropic/v1/messages', { ...body(kind), stream: true });
    const events = (await response.body.text()).split('\n\n');
    expect(events.pop()).toBe('');
    expect(events.filter((event) => event.startsWith('event: error\n'))).toEqual([events.at(-1)]);
    expect(events.join()).not.toMatch(/message_stop|message_delta/);
  });

  it('says when to come back', async () => {
    play('rate-minute');
    const { headers } = await seenError(ai.messages.create(body('x')));
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(30);
  });

  it('is cut thinking where nothing but thoughts came', async () => {
    play('max-tokens-thoughts');
    expect(await ai.messages.create(body('x'))).toMatchObject({ content: [], stop_reason: 'max_tokens' });
    const streamed = await ai.messages.stream(body('x')).finalMessage();
    expect(streamed).toMatchObject({ content: [], stop_reason: 'max_tokens' });
  });
});

describe('failures of the gateway’s own', () => {
  let under: GatewayUnderTest;
  let ai: Anthropic;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = anthropicClient(under);
  });
  beforeEach(() => under.emulator.scenarios.clear());
  afterAll(() => under.close());

  it('a key that is not valid, in either header', async () => {
    for (const client of [
      anthropicClient(under, { apiKey: 'wrong' }),
      anthropicClient(under, { apiKey: null, authToken: 'wrong' }),
    ])
      expect(await seenError(client.messages.create(body('x')))).toMatchObject({
        status: 401,
        type: 'authentication_error',
      });
  });

  it('a model or a task that there is not', async () => {
    const asking = (name: string) => ai.messages.create({ ...body('x'), model: name });
    expect(await seenError(asking('claude-opus-5'))).toMatchObject({ status: 404, type: 'not_found_error' });
    expect(await seenError(asking('task:nothing'))).toMatchObject({ status: 400, field: 'model' });
    expect(await seenError(ai.models.retrieve('nothing'))).toMatchObject({ status: 404 });
  });

  it('a path that there is not', async () => {
    const response = await under.call('/anthropic/v1/messages/batches', {});
    expect(response.statusCode).toBe(404);
    expect(await response.body.json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error' },
    });
  });

  it('a patience that the client tells', async () => {
    under.emulator.scenarios.add({ match: { model }, delayMs: 60_000 });
    const headers = { 'x-stainless-timeout': '0.1' };
    const response = await under.call('/anthropic/v1/messages', body('d'), { headers });
    expect(response.statusCode).toBe(504);
    expect(await response.body.json()).toMatchObject({ error: { type: 'timeout_error' } });
  });
});

describe('a caller of the Anthropic surface who leaves', () => {
  let under: GatewayUnderTest;
  let ai: Anthropic;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = anthropicClient(under);
  });
  beforeEach(() => under.emulator.scenarios.clear());
  afterAll(() => under.close());

  async function expectAbandoned(id: string): Promise<void> {
    const call = await eventually(() => {
      const last = under.upstreamCalls().at(-1);
      return last?.aborted === true && last;
    }, 'the end of the upstream call');
    expect(await lineOf(under, id)).toMatchObject({
      outcome: 'abandoned',
      input_tokens: call.inputTokens,
      output_tokens: call.outputTokens,
    });
    expect(call.chunksSent).toBeLessThan(8);
  }

  it('in the middle of a stream, ends the upstream call and pays for what came', async () => {
    // So slow that no chunk is on its way when the caller leaves: what was sent is what was seen.
    under.emulator.scenarios.add({
      match: { model },
      chunks: 8,
      chunkText: 'twelve chars',
      chunkDelayMs: 150,
    });
    const stream = await ai.messages.create({ ...body('a'), stream: true }, named('left'));
    let pieces = 0;
    for await (const { type } of stream) if (type === 'content_block_delta' && ++pieces === 2) break;
    await expectAbandoned('left');
    expect(under.upstreamCalls().at(-1)?.outputTokens).toBeGreaterThan(0);
  });

  it('before a whole answer, by a signal', async () => {
    under.emulator.scenarios.add({ match: { model }, delayMs: 60_000 });
    const before = under.upstreamCalls().length;
    const controller = new AbortController();
    const made = ai.messages.create(body('c'), { ...named('whole'), signal: controller.signal });
    const outcome = made.then(() => 'answered', String);
    await eventually(() => under.upstreamCalls()[before], 'the upstream call');
    controller.abort();
    expect(await outcome).toMatch(/abort/i);
    await expectAbandoned('whole');
    expect((await lineOf(under, 'whole'))['status_code']).toBe(499);
  });
});
