import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';

const CONFIG = `
resilience: { backoffMs: 1 }
models: { gemini-3.8-flash: {}, gemini-3.5-flash-lite: { inputModalities: [text] } }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
tasks:
  look: { models: [gemini-3.5-flash-lite, gemini-3.8-flash] }
auth:
  keys:
    - { id: stranger, team: other, tenant: other, secret: "env:STRANGER_KEY" }
`;
const PNG = Buffer.from('\x89PNG\r\n\x1A\n', 'latin1').toString('base64');

describe('GET /v1/requests/{id}/explain', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: CONFIG, environment: { STRANGER_KEY: 'strange' } });
  });
  afterAll(() => under.close());

  it('tells which targets were left out and why, what was tried, and what came of it', async () => {
    under.emulator.scenarios.add({ kind: 'unavailable-503', match: { model: 'gemini-3.8-flash' } });
    const asked = {
      task: 'look',
      prompt: 'nobody-may-read-this',
      media: [{ mimeType: 'image/png', data: PNG }],
    };
    const answered = await under.call('/v1/generate', asked, { headers: { 'x-request-id': 'to-explain' } });
    expect(answered.statusCode).toBe(200);
    await answered.body.dump();
    const response = await under.call('/v1/requests/to-explain/explain');
    const text = await response.body.text();
    expect(JSON.parse(text)).toMatchObject({
      id: 'to-explain',
      task: 'look',
      plan: [{ target: 'main/gemini-3.8-flash' }],
      skipped: [{ target: 'gemini-3.5-flash-lite', why: 'takes no image input' }],
      attempts: [
        { target: 'main/gemini-3.8-flash', error: 'UPSTREAM_OVERLOADED', upstreamReason: 'UNAVAILABLE' },
        { target: 'main/gemini-3.8-flash' },
      ],
      target: 'main/gemini-3.8-flash',
      outcome: 'ok',
      finishReason: 'STOP',
    });
    expect(text).not.toContain('nobody-may-read-this');
  });

  it('is 404 for requests that nobody knows, and for those of another tenant', async () => {
    const unknown = await under.call('/v1/requests/never-seen/explain');
    expect(unknown.statusCode).toBe(404);
    await unknown.body.dump();
    const answered = await under.call(
      '/v1/generate',
      { task: 'look', prompt: 'hello' },
      { headers: { 'x-request-id': 'mine' } },
    );
    await answered.body.dump();
    const strange = await under.call('/v1/requests/mine/explain', undefined, {
      headers: { authorization: 'Bearer strange' },
    });
    expect(strange.statusCode).toBe(404);
    await strange.body.dump();
  });
});
