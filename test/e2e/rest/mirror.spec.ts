import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents } from '../../helpers/rest-answers.js';

const NEW_MODEL = 'gemini-3.8-flash';
/** Of the model's answer, thoughts included. */
const OUTPUT_USD_PER_MILLION = 1_000;

let under: GatewayUnderTest;
afterEach(() => under.close());

async function start(mirror: string): Promise<void> {
  under = await gatewayUnderTest({
    config: `
models:
  gemini-3.5-flash: {}
  ${NEW_MODEL}: { maxOutputTokens: 1000, prices: [{ input: 0, output: ${OUTPUT_USD_PER_MILLION} }] }
projects:
  - { id: main, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks:
  chat: { models: [gemini-3.5-flash], mirror: { model: ${NEW_MODEL}, share: 1, ${mirror} } }
`,
  });
}

const ask = (body: object = {}) =>
  jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'ask on', ...body }));
const copies = () => under.upstreamCalls().filter(({ model }) => model === NEW_MODEL);
const lines = () => under.logs.filter(({ context }) => context === 'mirror');

describe('a task with a mirror', () => {
  it.each([
    ['whole answers', {}],
    ['streams', { stream: true }],
  ])(
    'sends copies of calls for %s to the second model, which the caller does not notice',
    async (_, body) => {
      await start('maxUsdPerDay: 100');
      const { status, headers } = await ask({ ...body, prompt: 'ask on, secretly' });
      expect(status).toBe(200);
      expect(headers).toMatchObject({ 'x-gateway-model': 'gemini-3.5-flash', 'x-gateway-attempts': '1' });
      const line = await eventually(() => lines()[0], 'the line of the copy');
      const [copy] = copies();
      expect(copy).toMatchObject({ stream: 'stream' in body, status: 200, outcome: 'ok' });
      expect(line).toMatchObject({
        request_id: headers['x-request-id'],
        target: `main/${NEW_MODEL}`,
        primary_target: 'main/gemini-3.5-flash',
        outcome: 'ok',
        output_tokens: copy?.outputTokens,
        cost_nano_usd:
          ((copy?.outputTokens ?? 0) + (copy?.thoughtsTokens ?? 0)) * OUTPUT_USD_PER_MILLION * 1_000,
      });
      expect(under.logText()).not.toContain('secretly');
    },
  );

  it('does not fail or delay a call whose copy does', async () => {
    await start('maxUsdPerDay: 100');
    under.emulator.scenarios.add([
      { kind: 'internal-500', times: 1, match: { model: NEW_MODEL } },
      { delayMs: 20_000, times: 0, match: { model: NEW_MODEL } },
    ]);
    expect((await ask()).status).toBe(200);
    await eventually(
      () => lines().some(({ outcome }) => outcome === 'UPSTREAM_UNAVAILABLE'),
      'the failed copy',
    );
    const events = restEvents((await ask({ stream: true })).text);
    expect(events.at(-1)).toMatchObject({ event: 'done' });
  });

  it('sends no copy that could pass the cap of the day', async () => {
    // The longest answer costs a dollar; the emulator's are much shorter.
    await start('maxUsdPerDay: 1.5');
    for (let call = 0; call < 12; call += 1) {
      expect((await ask()).status).toBe(200);
      const made = copies().length;
      await eventually(() => lines().length === made, 'the end of the copy');
    }
    const spentNanoUsd = lines().reduce((sum, line) => sum + Number(line['cost_nano_usd']), 0);
    expect(spentNanoUsd).toBeGreaterThan(0);
    expect(spentNanoUsd).toBeLessThanOrEqual(1.5e9);
    expect(copies().length).toBeLessThan(12);
  });
});
