import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import {
  DEFAULT_CONFIG,
  gatewayUnderTest,
  TEST_KEY,
  type GatewayUnderTest,
  type GatewayUnderTestOptions,
} from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';

const TARGET = 'main/gemini-3.8-flash';
const SECRET_PROMPT = 'nobody-may-read-this';

let under: GatewayUnderTest;
afterEach(() => under.close());

async function start(options: GatewayUnderTestOptions = {}): Promise<void> {
  under = await gatewayUnderTest({
    config: `${DEFAULT_CONFIG}\nresilience: { backoffMs: 1 }\n`,
    ...options,
  });
}

const ask = (body: object = {}, headers: Record<string, string> = {}) =>
  jsonOf(under.call('/v1/generate', { task: 'chat', prompt: SECRET_PROMPT, ...body }, { headers }));
const scrape = async (): Promise<string> =>
  (await jsonOf(under.call('/metrics', undefined, { headers: { authorization: '' } }))).text;
const counted = async (sample: string): Promise<number | undefined> => samplesOf(await scrape()).get(sample);
const ofRequests = (outcome: string, { surface = 'rest', operation = 'generate', task = 'chat' } = {}) =>
  `gateway_requests_total{surface="${surface}",operation="${operation}",task="${task}",outcome="${outcome}"}`;

describe('GET /metrics', () => {
  it('needs no key, and is text for Prometheus', async () => {
    await start();
    const { status, headers, text } = await jsonOf(
      under.call('/metrics', undefined, { headers: { authorization: '' } }),
    );
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    for (const line of text.split('\n').filter((line) => line !== ''))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"\n]*",?)+\})? \S+)$/);
  });

  it('is not among the routes for callers', async () => {
    await start();
    const { paths } = (await jsonOf(under.call('/docs/openapi.json'))).json;
    expect(Object.keys(paths as object)).toContain('/v1/generate');
    expect(Object.keys(paths as object)).not.toContain('/metrics');
  });

  it('is described in docs/operations.md, metric by metric, and nothing else is', async () => {
    await start({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' } });
    const shown = [...(await scrape()).matchAll(/^# TYPE (gateway_\w+) (\w+)$/gm)];
    const described = [
      ...readFileSync('docs/operations.md', 'utf8').matchAll(/^\| `(gateway_\w+)` *\| (\w+)/gm),
    ];
    const namesAndTypes = (found: RegExpExecArray[]) =>
      found.map(([, name, type]) => `${name} ${type}`).toSorted();
    expect(namesAndTypes(shown)).toEqual(namesAndTypes(described));
  });

  it('counts calls of every surface and operation, their attempts and their tokens exactly', async () => {
    await start();
    under.emulator.scenarios.add({ kind: 'unavailable-503', match: { text: 'hiccup' } });
    await ask();
    await ask({ stream: true });
    await ask({ prompt: 'hiccup' });
    await jsonOf(
      under.call('/v1beta/models/gemini-3.8-flash:generateContent', {
        contents: [{ parts: [{ text: SECRET_PROMPT }] }],
      }),
    );
    await jsonOf(under.call('/v1/count-tokens', { task: 'chat', prompt: SECRET_PROMPT }));
    const samples = samplesOf(await scrape());
    const expected = {
      [ofRequests('ok')]: 3,
      [ofRequests('ok', { surface: 'gemini', task: 'none' })]: 1,
      [ofRequests('ok', { operation: 'count_tokens' })]: 1,
      'gateway_request_duration_seconds_count{surface="rest",operation="generate"}': 3,
      'gateway_first_event_seconds_count{surface="rest",operation="generate"}': 3,
      'gateway_first_event_seconds_count{surface="gemini",operation="generate"}': 1,
      [`gateway_attempts_total{target="${TARGET}",result="ok"}`]: 5,
      [`gateway_attempts_total{target="${TARGET}",result="overloaded"}`]: 1,
      [`gateway_retries_total{target="${TARGET}"}`]: 1,
      gateway_calls_in_flight: 0,
    };
    expect(Object.fromEntries(Object.keys(expected).map((key) => [key, samples.get(key)]))).toEqual(expected);
    const sum = (field: 'inputTokens' | 'outputTokens' | 'thoughtsTokens'): number =>
      under
        .upstreamCalls()
        .filter(({ operation, status }) => operation !== 'countTokens' && status === 200)
        .reduce((total, call) => total + call[field], 0);
    expect(sum('outputTokens')).toBeGreaterThan(0);
    for (const [kind, field] of [
      ['input', 'inputTokens'],
      ['output', 'outputTokens'],
      ['thoughts', 'thoughtsTokens'],
    ] as const)
      expect(samples.get(`gateway_tokens_total{target="${TARGET}",kind="${kind}"}`)).toBe(sum(field));
  });

  it('counts failures by their reason, requests that came to no call, and callers who left', async () => {
    await start();
    under.emulator.scenarios.add({ kind: 'unavailable-503', times: 0, match: { text: 'broken' } });
    under.emulator.scenarios.add({ delayMs: 10_000, match: { text: 'slow' } });
    await ask({ prompt: 'broken' });
    await ask({}, { authorization: 'Bearer nobody' });
    await ask({ temprature: 1 });
    const caller = new AbortController();
    const left = under
      .call('/v1/generate', { task: 'chat', prompt: 'slow' }, { signal: caller.signal })
      .catch(String);
    await eventually(() => counted('gateway_calls_in_flight').then((count) => count === 1), 'the slow call');
    caller.abort();
    await left;
    await eventually(() => counted(ofRequests('abandoned')).then((count) => count === 1), 'its end');
    const samples = samplesOf(await scrape());
    expect(samples.get(ofRequests('UPSTREAM_OVERLOADED'))).toBe(1);
    expect(samples.get('gateway_refusals_total{reason="UNAUTHENTICATED"}')).toBe(1);
    expect(samples.get('gateway_refusals_total{reason="INVALID_REQUEST"}')).toBe(1);
    expect(samples.get('gateway_calls_in_flight')).toBe(0);
    expect([...samples.keys()].filter((key) => key.startsWith('gateway_refusals_total'))).toHaveLength(2);
    expect([...samples.keys()].filter((key) => key.startsWith('gateway_alerts_total'))).toEqual([]);
  });

  it('alerts of a key that Google refuses, though another key answered', async () => {
    await start({
      config: `
models: { gemini-3.8-flash: {} }
projects:
  - id: main
    provider: gemini
    baseUrl: \${emulator}
    credentials: { apiKeys: [{ secret: "env:BAD_KEY" }, { secret: "env:UPSTREAM_KEY" }] }
tasks: { chat: { models: [gemini-3.8-flash] } }
`,
      environment: { BAD_KEY: 'bad-key' },
      emulator: { apiKeys: ['upstream-key'] },
    });
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200]);
    const text = await scrape();
    expect(samplesOf(text).get(`gateway_alerts_total{target="${TARGET}",trouble="credentials"}`)).toBe(1);
    for (const secret of ['bad-key', 'upstream-key', TEST_KEY]) expect(text).not.toContain(secret);
  });

  it('alerts of a project that Google wants billing for', async () => {
    await start();
    under.emulator.scenarios.add({ kind: 'gate', match: { text: SECRET_PROMPT } });
    expect((await ask()).status).toBe(429);
    expect(await counted(`gateway_alerts_total{target="${TARGET}",trouble="quota_gate"}`)).toBe(1);
  });

  it('shows nothing of 10,000 tasks and models that callers made up, nor of what they said', async () => {
    await start();
    const series = async (): Promise<number> =>
      [...samplesOf(await scrape()).keys()].filter((key) => key.startsWith('gateway_')).length;
    const made = async (index: number): Promise<void> => {
      const name = `made-up-${index}`;
      await ask(index % 2 === 0 ? { task: name } : { task: undefined, model: name });
      if (index % 100 === 1) await jsonOf(under.call(`/v1beta/models/${name}:generateContent`, {}));
    };
    await ask();
    await made(0);
    await made(1);
    const before = await series();
    let index = 2;
    const worker = async (): Promise<void> => {
      while (index < 10_000) await made(index++);
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    const text = await scrape();
    expect(await series()).toBe(before);
    for (const unseen of ['made-up', SECRET_PROMPT, TEST_KEY]) expect(text).not.toContain(unseen);
    const counts = samplesOf(text);
    expect(counts.get(ofRequests('INVALID_REQUEST', { task: 'none' }))).toBe(5_000);
    expect(counts.get(ofRequests('MODEL_NOT_FOUND', { task: 'none' }))).toBe(5_000);
  }, 60_000);
});
