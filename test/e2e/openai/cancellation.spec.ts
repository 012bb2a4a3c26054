import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Scenario } from '../../../src/emulator/scenario.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { named, openAiClient } from '../../helpers/openai-clients.js';

const model = 'gemini-3.8-flash';
/** So slow that no chunk is on its way when the caller leaves: what was sent is what was seen. */
const SLOW: Scenario = { match: { model }, chunks: 8, chunkText: 'twelve chars', chunkDelayMs: 150 };

describe('a caller of the OpenAI surface who leaves', () => {
  let under: GatewayUnderTest;
  let ai: OpenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = openAiClient(under);
  });
  beforeEach(() => under.emulator.scenarios.clear());
  afterAll(() => under.close());

  const asking = (id: string) => ({
    model,
    messages: [{ role: 'user' as const, content: `tell me of ${id}` }],
  });

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

  it('in the middle of a streamed chat, ends the upstream call and pays for what came', async () => {
    under.emulator.scenarios.add(SLOW);
    const stream = await ai.chat.completions.create({ ...asking('a'), stream: true }, named('chat'));
    let chunks = 0;
    for await (const _chunk of stream) if (++chunks === 2) break;
    await expectAbandoned('chat');
    expect(under.upstreamCalls().at(-1)?.outputTokens).toBeGreaterThan(0);
  });

  it('in the middle of a streamed response does the same', async () => {
    under.emulator.scenarios.add(SLOW);
    const stream = await ai.responses.create(
      { model, input: 'tell me of b', stream: true },
      named('response'),
    );
    for await (const { type } of stream) if (type === 'response.output_text.delta') break;
    await expectAbandoned('response');
  });

  it('before a whole answer, by a signal', async () => {
    under.emulator.scenarios.add({ match: { model }, delayMs: 60_000 });
    const before = under.upstreamCalls().length;
    const controller = new AbortController();
    const made = ai.chat.completions.create(asking('c'), { ...named('whole'), signal: controller.signal });
    const outcome = made.then(() => 'answered', String);
    await eventually(() => under.upstreamCalls()[before], 'the upstream call');
    controller.abort();
    expect(await outcome).toMatch(/abort/i);
    await expectAbandoned('whole');
    expect((await lineOf(under, 'whole'))['status_code']).toBe(499);
  });

  it('by a patience that the client tells ends in the gateway’s own words', async () => {
    under.emulator.scenarios.add({ match: { model }, delayMs: 60_000 });
    const headers = { 'x-request-id': 'patience', 'x-stainless-timeout': '0.1' };
    const response = await under.call('/openai/v1/chat/completions', asking('d'), { headers });
    expect(response.statusCode).toBe(504);
    expect(await response.body.json()).toMatchObject({ error: { code: 'timeout' } });
  });
});
