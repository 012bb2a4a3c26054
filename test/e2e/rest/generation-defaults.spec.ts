import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { startUpstream, type HttpUpstream } from '../../helpers/http-upstream.js';
import { jsonOf } from '../../helpers/rest-answers.js';

describe('generation defaults', () => {
  let upstream: HttpUpstream;
  let under: GatewayUnderTest;
  beforeAll(async () => {
    const response = { candidates: [{ content: { parts: [{ text: 'ok' }] }, finishReason: 'STOP' }] };
    upstream = await startUpstream((res) => res.end(JSON.stringify(response)));
    under = await gatewayUnderTest({
      config: `
models:
  gemini-3.8-flash: { generation: { temperature: 0.9, topK: 40, thinkingLevel: LOW } }
projects:
  - { id: main, provider: gemini, baseUrl: "${upstream.url}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks:
  plain: { models: [gemini-3.8-flash] }
  set: { models: [gemini-3.8-flash], generation: { temperature: 0.1, maxOutputTokens: 99 } }
`,
    });
  });
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  async function configFor(body: object): Promise<unknown> {
    await jsonOf(under.call('/v1/generate', { prompt: 'x', ...body }));
    const { generationConfig } = JSON.parse(upstream.requests.at(-1)?.body ?? '') as Record<string, unknown>;
    return generationConfig;
  }
  const ofModel = { topK: 40, thinkingConfig: { thinkingLevel: 'LOW' } };

  it('come from the model where the task has none', async () => {
    expect(await configFor({ task: 'plain' })).toEqual({ temperature: 0.9, ...ofModel });
    expect(await configFor({ model: 'gemini-3.8-flash' })).toEqual({ temperature: 0.9, ...ofModel });
  });

  it('come from the task before the model', async () => {
    expect(await configFor({ task: 'set' })).toEqual({ temperature: 0.1, maxOutputTokens: 99, ...ofModel });
  });

  it('give way to what the caller sets, zero included', async () => {
    const generation = { temperature: 0, topK: 1, thinkingBudget: 0 };
    expect(await configFor({ task: 'set', generation })).toEqual({
      temperature: 0,
      maxOutputTokens: 99,
      topK: 1,
      thinkingConfig: { thinkingBudget: 0 },
    });
  });
});
