import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { GenerateContentResponse } from '../../../src/core/gemini-wire.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { drained, googleClient, lineOf, named, spoken } from '../../helpers/google-clients.js';

const model = 'gemini-4-argon';
/** More than the 32,768 tokens of one call that is not streamed, at four characters each. */
const LONG = 'abcdefgh'.repeat(20_000);
const LONGER = 'abcdefgh'.repeat(40_000);
const CONFIG = `
models: { ${model}: { thinkingBudget: false } }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
`;

describe('an answer too long for one call', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: CONFIG });
  });
  beforeEach(() => {
    under.emulator.scenarios.clear();
    under.emulator.ledger.clear();
  });
  afterAll(() => under.close());

  const ask = async (id: string, continuationToken?: string) => {
    const response = await under.call(
      `/v1beta/models/${model}:generateContent`,
      { contents: [{ role: 'user', parts: [{ text: 'go on' }] }], continuationToken },
      { headers: named(id) },
    );
    return (await response.body.json()) as GenerateContentResponse;
  };

  it('costs one upstream call for each call, and hands its continuation token to the caller', async () => {
    under.emulator.scenarios.add({ text: LONG, times: 0 });
    const first = await ask('first-half');
    expect(under.upstreamCalls()).toHaveLength(1);
    const [candidate] = first.candidates ?? [];
    expect(candidate).toMatchObject({ finishReason: 'CONTINUATION', continuationToken: expect.any(String) });
    expect(await lineOf(under, 'first-half')).toMatchObject({
      outcome: 'truncated',
      finish_reason: 'CONTINUATION',
      output_tokens: under.upstreamCalls()[0]?.outputTokens,
    });
    const second = await ask('second-half', candidate?.['continuationToken'] as string);
    expect(under.upstreamCalls()).toHaveLength(2);
    expect(second.candidates?.[0]?.finishReason).toBe('STOP');
    const text = [first, second].map((each) => each.candidates?.[0]?.content?.parts?.[0]?.text ?? '');
    expect(text.join('') === LONG).toBe(true);
  });

  it('streamed, is handed on as well, on the last event', async () => {
    under.emulator.scenarios.add({ text: LONGER, chunks: 3 });
    const stream = await googleClient(under).models.generateContentStream({
      model,
      contents: 'go on',
      config: { automaticContinuation: false },
    });
    const chunks = await drained(stream);
    expect(chunks.at(-1)?.candidates?.[0]).toMatchObject({
      finishReason: 'CONTINUATION',
      continuationToken: expect.any(String),
    });
    expect(under.upstreamCalls()).toHaveLength(1);
  });

  it('is put together by a client that continues by itself, one call of its own for each', async () => {
    under.emulator.scenarios.add({ text: LONG, times: 0 });
    const answer = await googleClient(under).models.generateContent({ model, contents: 'go on' });
    expect(spoken(answer) === LONG).toBe(true);
    expect(under.upstreamCalls()).toHaveLength(2);
  });
});
