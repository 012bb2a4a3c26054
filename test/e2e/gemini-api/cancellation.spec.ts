import type { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scenario } from '../../../src/emulator/scenario.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { googleClient, lineOf, named } from '../../helpers/google-clients.js';
import { callsSince } from './failing-calls.js';

const model = 'gemini-3.8-flash';
const LONG_MS = 60_000;
const BOUND_MS = 100;
/** So slow that no chunk is on its way when the caller leaves: what was sent is what was seen. */
const SLOW_STREAM: Scenario = { match: { model }, chunks: 8, chunkText: 'twelve chars', chunkDelayMs: 150 };
/** A second target, which must not be asked for a caller who is gone. */
const CONFIG = `
resilience: { backoffMs: 1 }
models:
  ${model}: {}
  gemini-3.5-flash-lite: {}
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
tasks:
  careful: { models: [${model}], fallback: [{ model: gemini-3.5-flash-lite }] }
`;

/** The client's error in words; its class is not the one that it has outside the test runner. */
function howItEnded(made: Promise<unknown>): Promise<string> {
  return made.then(() => 'answered', String);
}

describe('a caller who leaves', () => {
  let under: GatewayUnderTest;
  let ai: GoogleGenAI;
  let before = 0;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: CONFIG });
    ai = googleClient(under);
  });
  beforeEach(() => {
    under.emulator.scenarios.clear();
    before = under.upstreamCalls().length;
  });
  afterAll(() => under.close());

  const call = () => callsSince(under, before)[0];
  const request = (id: string, abortSignal?: AbortSignal) => ({
    model,
    contents: `tell me of ${id}`,
    config: {
      ...(abortSignal === undefined ? {} : { abortSignal }),
      httpOptions: { headers: named(id, { 'x-gateway-task': 'careful' }) },
    },
  });

  /** The upstream call ends in time, no other is made, and the log says what was used. */
  const expectAbandoned = async (id: string): Promise<void> => {
    const leftMs = performance.now();
    await eventually(() => call()?.aborted, 'the end of the upstream call');
    expect(performance.now() - leftMs).toBeLessThan(BOUND_MS);
    const line = await lineOf(under, id);
    expect(line).toMatchObject({
      outcome: 'abandoned',
      retry_count: 0,
      input_tokens: call()?.inputTokens,
      output_tokens: call()?.outputTokens,
      thoughts_tokens: call()?.thoughtsTokens,
    });
    expect(line).not.toHaveProperty('finish_reason');
    expect(callsSince(under, before)).toHaveLength(1);
  };

  it.each<[string, boolean, Scenario]>([
    ['before the headers of a unary answer', false, { delayMs: LONG_MS }],
    ['between headers and body of a unary answer', false, { firstChunkDelayMs: LONG_MS }],
    ['before the headers of a stream', true, { delayMs: LONG_MS }],
    ['between the headers and the first event of a stream', true, { firstChunkDelayMs: LONG_MS }],
    ['while the upstream says nothing at all', true, { kind: 'silence' }],
  ])('by its signal, %s', async (name, streamed, scenario) => {
    under.emulator.scenarios.add({ match: { model }, ...scenario });
    const controller = new AbortController();
    const id = name.replaceAll(' ', '-');
    const made = streamed
      ? ai.models.generateContentStream(request(id, controller.signal))
      : ai.models.generateContent(request(id, controller.signal));
    const outcome = howItEnded(made);
    await eventually(() => (scenario.firstChunkDelayMs === undefined ? call() : call()?.status === 200));
    controller.abort();
    expect(await outcome).toMatch(/abort/i);
    await expectAbandoned(id);
    expect((await lineOf(under, id))['status_code']).toBe(499);
  });

  it('by its signal, in the middle of a stream, pays for what came', async () => {
    under.emulator.scenarios.add(SLOW_STREAM);
    const controller = new AbortController();
    const id = 'mid-stream-signal';
    const stream = await ai.models.generateContentStream(request(id, controller.signal));
    let chunks = 0;
    const reading = (async () => {
      for await (const _chunk of stream) if (++chunks === 3) controller.abort();
    })();
    await expect(reading).rejects.toThrow(/abort/i);
    await expectAbandoned(id);
    expect(call()?.outputTokens).toBeGreaterThan(0);
    expect(call()?.chunksSent).toBeLessThan(8);
    expect((await lineOf(under, id))['status_code']).toBe(200);
  });

  it('by a body that is destroyed in the middle of either framing', async () => {
    for (const query of ['?alt=sse', '']) {
      before = under.upstreamCalls().length;
      under.emulator.scenarios.add(SLOW_STREAM);
      const id = `destroyed${query.slice(5)}`;
      const response = await under.call(
        `/v1beta/models/${model}:streamGenerateContent${query}`,
        { contents: [{ parts: [{ text: 'go on' }] }] },
        { headers: named(id) },
      );
      for await (const _bytes of response.body) break;
      response.body.destroy();
      await expectAbandoned(id);
    }
  });

  it('by leaving the iterator and aborting, which is what the client needs to let go', async () => {
    under.emulator.scenarios.add(SLOW_STREAM);
    const controller = new AbortController();
    const id = 'iterator-return';
    const stream = await ai.models.generateContentStream(request(id, controller.signal));
    for await (const _chunk of stream) break;
    // The client does not cancel the body when its iterator is left.
    controller.abort();
    await expectAbandoned(id);
  });

  it('after a failure, before the next target, is not served by that', async () => {
    under.emulator.scenarios.add([
      { kind: 'unavailable-503', match: { model }, times: 3 },
      { kind: 'answer', match: { model: 'gemini-3.5-flash-lite' }, delayMs: LONG_MS },
    ]);
    const controller = new AbortController();
    const id = 'between-targets';
    const made = howItEnded(ai.models.generateContent(request(id, controller.signal)));
    await eventually(() => callsSince(under, before)[3], 'the call to the next target');
    controller.abort();
    expect(await made).toMatch(/abort/i);
    await eventually(() => callsSince(under, before)[3]?.aborted, 'the end of that call');
    expect(await lineOf(under, id)).toMatchObject({ outcome: 'abandoned', retry_count: 3 });
    expect(callsSince(under, before)).toHaveLength(4);
  });
});
