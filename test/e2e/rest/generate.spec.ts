import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';

describe('POST /v1/generate', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest();
  });
  afterAll(() => under.close());

  it('answers a task with text, usage and route', async () => {
    const response = await under.call('/v1/generate', { task: 'chat', prompt: 'the word is heron' });
    const answer = (await response.body.json()) as Record<string, unknown>;
    expect(response.statusCode).toBe(200);
    expect(answer).toMatchObject({
      model: 'gemini-3.8-flash',
      finishReason: 'STOP',
      text: expect.stringContaining('heron'),
      route: { target: 'main/gemini-3.8-flash', attempts: 1, fallback: false },
    });
    const [call] = under.upstreamCalls();
    expect(answer['usage']).toMatchObject({
      inputTokens: call?.inputTokens,
      outputTokens: call?.outputTokens,
    });
  });
});
