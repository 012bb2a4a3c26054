import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LedgerEntry } from '../../../src/emulator/ledger.js';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { jsonOf, type RestEvent, restEvents, streamedText } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';
import { as, ask, cachingGateway, KEYS, stateOf } from './cache-gateway.js';

const MODEL = 'gemini-3.8-flash';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await cachingGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.emulator.scenarios.clear());

let asked = 0;
/** A question that nobody asked before. */
const question = (): string => `shared question ${(asked += 1)}.`;

/** Upstream calls from now on. */
function callsSince(): () => readonly LedgerEntry[] {
  const before = gateway.upstreamCalls().length;
  return () => gateway.upstreamCalls().slice(before);
}

const metric = async (name: string): Promise<number> =>
  samplesOf(await (await gateway.call('/metrics')).body.text()).get(name) ?? 0;

interface Streaming {
  /** Resolves once its head is here. */
  readonly state: Promise<string>;
  /** Its events, to its end. */
  readonly events: Promise<RestEvent[]>;
  leave(): void;
}

function stream(prompt: string): Streaming {
  const abort = new AbortController();
  const options = { signal: abort.signal };
  const response = gateway.call('/v1/generate', { task: 'cached', prompt, stream: true }, options);
  const state = response.then(({ headers }) => String(headers['x-gateway-cache']));
  const events = response.then(async ({ body }) => restEvents(await body.text()));
  for (const one of [state, events]) one.catch(() => undefined);
  return { state, events, leave: () => abort.abort() };
}

/** Makes a question's answer slow, in so many pieces. */
function slowly(prompt: string, more: object = {}): void {
  const text = 'one two three four five six ';
  gateway.emulator.scenarios.add({
    kind: 'answer',
    match: { text: prompt },
    times: 0,
    text,
    chunks: 6,
    chunkDelayMs: 60,
    ...more,
  });
}

describe('identical calls at the same time', () => {
  it('go upstream once, a thousand of them', async () => {
    const prompt = question();
    slowly(prompt, { delayMs: 1_500 });
    const calls = callsSince();
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(gateway, { prompt })));
    expect(calls()).toHaveLength(1);
    const states = Map.groupBy(answers, stateOf);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(states.get('miss')).toHaveLength(1);
    expect(states.get('coalesced')?.length).toBeGreaterThan(0);
    expect(new Set(answers.map(({ json }) => json['text'])).size).toBe(1);
    expect(new Set(answers.map(({ json }) => json['id'])).size).toBe(1_000);
  });

  it('are each counted as a request, and cost what one costs', async () => {
    const prompt = question();
    slowly(prompt, { delayMs: 200 });
    const spent = () => metric(`gateway_tokens_total{target="main/${MODEL}",kind="output"}`);
    const requests = () =>
      metric('gateway_requests_total{surface="rest",operation="generate",task="cached",outcome="ok"}');
    const attempts = () => metric(`gateway_attempts_total{target="main/${MODEL}",result="ok"}`);
    const before = [await spent(), await requests(), await attempts()];
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(gateway, { prompt })));
    const usages = answers.map(({ json }) => json['usage'] as { outputTokens: number });
    const [{ outputTokens } = { outputTokens: 0 }] = usages;
    const after = [await spent(), await requests(), await attempts()];
    expect(after.map((value, index) => value - (before[index] ?? 0))).toEqual([outputTokens, 5, 1]);
    const joined = answers.find((answer) => stateOf(answer) === 'coalesced');
    expect(joined?.json).toMatchObject({
      cache: 'coalesced',
      route: { attempts: 0 },
      usage: { outputTokens },
    });
    const line = await eventually(() =>
      gateway.logs.find(({ request_id: id }) => id === joined?.headers['x-request-id']),
    );
    expect(line).toMatchObject({ output_tokens: 0 });
  });

  it('share a stream from its first event on, whenever they come', async () => {
    const prompt = question();
    slowly(prompt);
    const calls = callsSince();
    const first = stream(prompt);
    expect(await first.state).toBe('miss');
    await eventually(() => (calls()[0]?.chunksSent ?? 0) >= 3);
    const late = stream(prompt);
    expect(await late.state).toBe('coalesced');
    const [one, other] = await Promise.all([first.events, late.events]);
    expect(streamedText(other)).toBe(streamedText(one));
    expect(other.map(({ event }) => event)).toEqual(one.map(({ event }) => event));
    expect(calls()).toHaveLength(1);
  });

  it('of two tenants go upstream each for itself', async () => {
    const prompt = question();
    slowly(prompt, { delayMs: 200 });
    const calls = callsSince();
    await Promise.all([
      ask(gateway, { prompt }, as(KEYS.acme)),
      ask(gateway, { prompt }, as(KEYS.acmeToo)),
      ask(gateway, { prompt }, as(KEYS.umbrella)),
    ]);
    expect(calls()).toHaveLength(2);
  });
});

describe('callers who share a stream', () => {
  it('all get the error when it is cut, and nothing is stored', async () => {
    const prompt = question();
    slowly(prompt, { cutAfterChunks: 3, reset: true });
    const calls = callsSince();
    const streams = Array.from({ length: 10 }, () => stream(prompt));
    const ends = (await Promise.all(streams.map(({ events }) => events))).map((events) => events.at(-1));
    expect(calls()).toHaveLength(1);
    for (const end of ends)
      expect(end).toMatchObject({ event: 'error', data: { code: ends[0]?.data['code'] } });
    gateway.emulator.scenarios.clear();
    expect(stateOf(await ask(gateway, { prompt }))).toBe('miss');
    expect(calls()).toHaveLength(2);
  });

  it('are not stopped by the first who leaves', async () => {
    const prompt = question();
    slowly(prompt);
    const calls = callsSince();
    const first = stream(prompt);
    await first.state;
    const other = stream(prompt);
    expect(await other.state).toBe('coalesced');
    first.leave();
    const events = await other.events;
    expect(events.at(-1)).toMatchObject({ event: 'done' });
    expect(streamedText(events)).toContain('six');
    expect(calls()).toEqual([expect.objectContaining({ outcome: 'ok', aborted: false })]);
    expect(stateOf(await ask(gateway, { prompt }))).toBe('hit');
  });

  it('stop the upstream call at once when the last of them leaves', async () => {
    const prompt = question();
    slowly(prompt, { chunkDelayMs: 400 });
    const calls = callsSince();
    const streams = [stream(prompt), stream(prompt), stream(prompt)];
    await Promise.all(streams.map(({ state }) => state));
    streams[0]?.leave();
    streams[1]?.leave();
    await eventually(() => (calls()[0]?.chunksSent ?? 0) >= 2);
    expect(calls()[0]?.aborted).toBe(false);
    const leftMs = performance.now();
    streams[2]?.leave();
    await eventually(() => calls()[0]?.aborted === true, 'the end of the upstream call');
    expect(performance.now() - leftMs).toBeLessThan(300);
    expect(calls()).toHaveLength(1);
    gateway.emulator.scenarios.clear();
    expect(stateOf(await ask(gateway, { prompt }))).toBe('miss');
  });
});

describe('replicas with the same question', () => {
  let redis: RedisServer;
  let replicas: GatewayUnderTest[];
  beforeAll(async () => {
    redis = await startRedisServer();
    const start = (upstream = '${emulator}') =>
      gatewayUnderTest({
        config: `
models: { ${MODEL}: {} }
projects:
  - { id: main, provider: gemini, baseUrl: "${upstream}", credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] } }
tasks:
  waiting: { models: [${MODEL}], generation: { temperature: 0 }, cache: { ttlMs: 60000, replicaWaitMs: 10000 } }
`,
        environment: { REDIS_URL: redis.url },
      });
    const first = await start();
    replicas = [first, await start(first.emulator.url)];
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.close();
    await redis.close();
  });

  const askAll = (prompt: string) =>
    Promise.all(
      [0, 1, 0, 1].map((at) =>
        jsonOf((replicas[at] ?? gateway).call('/v1/generate', { task: 'waiting', prompt })),
      ),
    );

  it('go upstream once between them', async () => {
    const prompt = question();
    replicas[0]?.emulator.scenarios.add({ kind: 'answer', match: { text: prompt }, times: 0, delayMs: 300 });
    const answers = await askAll(prompt);
    expect(replicas[0]?.upstreamCalls()).toHaveLength(1);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map(({ json }) => json['text'])).size).toBe(1);
    expect(answers.map(stateOf).toSorted()).toEqual(['coalesced', 'coalesced', 'hit', 'miss']);
  });

  it('go upstream each for itself while Redis is away', async () => {
    const before = replicas[0]?.upstreamCalls().length ?? 0;
    await redis.kill();
    const answers = await askAll(question());
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((replicas[0]?.upstreamCalls().length ?? 0) - before).toBeGreaterThanOrEqual(2);
  });
});
