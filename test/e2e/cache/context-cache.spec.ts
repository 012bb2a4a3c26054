import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { type JsonAnswer, jsonOf } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';

const MODEL = 'gemini-3.8-flash';
const SYSTEM = 'You know this handbook by heart. '.repeat(400);

let gateway: GatewayUnderTest;
afterEach(() => gateway.close());

async function start(contextCache: string, projects: readonly string[] = ['main']): Promise<void> {
  const lines = projects.map(
    (id) =>
      `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id}" }] } }`,
  );
  gateway = await gatewayUnderTest({
    config: `
models:
  ${MODEL}: { prices: [{ input: 0.75, output: 3.75, cached: 0.075, cacheStorageHour: 0.5 }] }
projects:
${lines.join('\n')}
tasks:
  handbook: { models: [${MODEL}], contextCache: ${contextCache} }
`,
    environment: Object.fromEntries(projects.map((id) => [`KEY_${id}`, `key-${id}`])),
  });
}

const ask = (prompt: string, more: object = {}): Promise<JsonAnswer> =>
  jsonOf(gateway.call('/v1/generate', { task: 'handbook', system: SYSTEM, prompt, ...more }));
const cachedTokens = ({ json }: JsonAnswer): number =>
  (json['usage'] as { cachedTokens: number }).cachedTokens;
const metric = async (name: string, labels: string): Promise<number> =>
  samplesOf(await (await gateway.call('/metrics')).body.text()).get(
    `gateway_context_${name}{target="main/${MODEL}"${labels}}`,
  ) ?? 0;

/** Cached contents that the upstream has. */
async function kept(): Promise<readonly { name: string }[]> {
  const { json } = await jsonOf(gateway.call('/v1beta/cachedContents', undefined, {}));
  return (json['cachedContents'] as { name: string }[] | undefined) ?? [];
}

/** Asks until the upstream keeps what the questions begin with. */
async function untilKept(): Promise<void> {
  for (const prompt of ['one?', 'two?', 'three?']) expect((await ask(prompt)).status).toBe(200);
  await eventually(async () => (await metric('caches_total', ',event="made"')) === 1, 'a kept beginning');
}

describe('a beginning that many calls share', () => {
  it('is kept by the upstream, and named in place of itself', async () => {
    await start('{ explicit: true, minTokens: 1024 }');
    await untilKept();
    expect(await kept()).toHaveLength(1);
    const before = gateway.upstreamCalls().at(-1)?.bytesIn ?? 0;
    const answer = await ask('four?');
    expect(answer.status).toBe(200);
    expect(cachedTokens(answer)).toBeGreaterThan(1_024);
    expect(gateway.upstreamCalls().at(-1)?.bytesIn).toBeLessThan(before / 10);
    expect(await metric('cache_calls_total', ',result="named"')).toBe(1);
    expect(await metric('cache_saved_usd', '')).toBeCloseTo((cachedTokens(answer) * 0.675) / 1e6, 9);
  });

  it('serves streams as well', async () => {
    await start('{ explicit: true, minTokens: 1024 }');
    await untilKept();
    const { status, text } = await ask('streamed?', { stream: true });
    expect(status).toBe(200);
    expect(text).toContain('event: done');
    expect(await metric('cache_calls_total', ',result="named"')).toBe(1);
  });

  it('is sent in full at once, and once, when the upstream has lost it', async () => {
    await start('{ explicit: true, minTokens: 1024, minUses: 3 }');
    await untilKept();
    for (const { name } of await kept())
      expect((await gateway.call(`/v1beta/${name}`, undefined, { method: 'DELETE' })).statusCode).toBe(200);
    const before = gateway.upstreamCalls().length;
    const answer = await ask('lost?');
    expect(answer.status).toBe(200);
    expect(cachedTokens(answer)).toBe(0);
    expect(gateway.upstreamCalls()).toHaveLength(before + 2);
    expect(await metric('cache_calls_total', ',result="refused"')).toBe(1);
  });

  it('is not sent in full where the call failed for something else', async () => {
    await start('{ explicit: true, minTokens: 1024 }');
    await untilKept();
    gateway.emulator.scenarios.add({ kind: 'rate-day', match: { text: 'refused?' }, times: 1 });
    const before = gateway.upstreamCalls().length;
    expect((await ask('refused?')).status).toBe(429);
    expect(gateway.upstreamCalls()).toHaveLength(before + 1);
  });

  it('is not kept unless the task says so', async () => {
    await start('{ minTokens: 1024 }');
    for (const prompt of ['one?', 'two?', 'three?', 'four?', 'five?']) await ask(prompt);
    expect(await kept()).toEqual([]);
  });
});

describe('calls that begin alike', () => {
  const keysOf = async (count: number, beginning: (index: number) => string): Promise<readonly string[]> => {
    for (let index = 0; index < count; index += 1)
      await ask(`question ${index}`, { system: beginning(index) });
    return gateway.upstreamCalls().map(({ key }) => key);
  };

  it('stay on one project of several, and others do not', async () => {
    await start('{ minTokens: 1024 }', ['a', 'b', 'c']);
    expect(new Set(await keysOf(12, () => SYSTEM)).size).toBe(1);
    // Three projects in turn: the chance that 24 draws are all of one is nothing.
    const keys = await keysOf(24, (index) => `${index} ${SYSTEM}`);
    expect(new Set(keys.slice(12)).size).toBeGreaterThan(1);
  });

  it('go elsewhere when that project is in trouble, and stay there', async () => {
    await start('{ minTokens: 1024 }', ['a', 'b']);
    const [home = ''] = await keysOf(1, () => SYSTEM);
    gateway.emulator.scenarios.add({ kind: 'rate-day', match: { key: home }, times: 1 });
    const keys = await keysOf(4, () => SYSTEM);
    expect(keys.slice(1)[0]).toBe(home);
    expect(new Set(keys.slice(2))).toEqual(new Set([home === 'key-a' ? 'key-b' : 'key-a']));
  });
});
