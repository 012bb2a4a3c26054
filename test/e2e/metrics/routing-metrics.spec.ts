import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';

const project = (id: string) =>
  `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] } }`;
const CONFIG = `
resilience: { backoffMs: 1, breaker: { consecutiveFailures: 20, failureShare: 0.99 }, ejection: { windowCalls: 5 } }
models:
  gemini-3.5-flash: {}
  gemini-3.8-flash: { prices: [{ input: 1, output: 1 }] }
projects:
${project('first')}
${project('second')}
tasks:
  chat:
    models: [gemini-3.5-flash]
    strategy: ordered
    hedge: { quantile: 0.5, maxShare: 0.5, minDelayMs: 1 }
    mirror: { model: gemini-3.8-flash, project: second, share: 1, maxUsdPerDay: 5 }
`;

describe('what /metrics tells of targets, second attempts and copies', () => {
  let under: GatewayUnderTest;
  afterEach(() => under.close());

  const ask = () => jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'ask on' }));
  const samples = async () => samplesOf((await jsonOf(under.call('/metrics'))).text);

  it('counts hedges and copies, and shows a project that is out', async () => {
    under = await gatewayUnderTest({
      config: CONFIG,
      environment: { KEY_first: 'key-first', KEY_second: 'key-second' },
    });
    for (let call = 0; call < 20; call += 1) await ask();
    under.emulator.scenarios.add({
      delayMs: 20_000,
      times: 1,
      match: { text: 'ask on', key: 'key-first', model: 'gemini-3.5-flash' },
    });
    await ask();
    await eventually(
      async () => (await samples()).get('gateway_hedges_total{task="chat",kind="hedge"}'),
      'the hedge',
    );
    const hedged = await samples();
    expect(hedged.get('gateway_hedges_total{task="chat",kind="call"}')).toBe(21);
    expect(hedged.get('gateway_attempts_total{target="first/gemini-3.5-flash",result="outrun"}')).toBe(1);
    await eventually(
      async () => (await samples()).get('gateway_mirrored_total{task="chat",result="sent"}') === 21,
      'the copies',
    );
    expect((await samples()).get('gateway_mirror_spent_usd{task="chat"}')).toBeGreaterThan(0);
    expect((await samples()).get('gateway_target_health{target="first/gemini-3.5-flash"}')).toBe(1);

    under.emulator.scenarios.add({
      kind: 'internal-500',
      times: 0,
      match: { text: 'ask on', key: 'key-first' },
    });
    await eventually(async () => {
      await ask();
      return (await samples()).get('gateway_project_ejected{project="first"}') === 1;
    }, 'the ejection');
    expect((await samples()).get('gateway_project_ejected{project="second"}')).toBe(0);
  });
});
