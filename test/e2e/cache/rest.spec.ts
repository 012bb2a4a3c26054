import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import type { GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents, streamedText } from '../../helpers/rest-answers.js';
import { samplesOf } from '../../helpers/telemetry.js';
import { as, ask, cachingGateway, KEYS, stateOf } from './cache-gateway.js';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await cachingGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.emulator.scenarios.clear());

const upstreamCalls = () => gateway.upstreamCalls().length;
const metric = async (name: string): Promise<number> =>
  samplesOf(await (await gateway.call('/metrics')).body.text()).get(name) ?? 0;

describe('a task that caches', () => {
  it('answers an equal question from memory: no upstream call, no attempt, the same answer', async () => {
    const before = upstreamCalls();
    const first = await ask(gateway, { prompt: 'the first question' });
    const again = await ask(gateway, { prompt: 'the first question' });
    expect([stateOf(first), stateOf(again)]).toEqual(['miss', 'hit']);
    expect(upstreamCalls()).toBe(before + 1);
    const { id: _first, cache: _miss, route: made, ...answer } = first.json;
    const { id, cache, route, ...stored } = again.json;
    expect(stored).toEqual(answer);
    expect(id).toBe(again.headers['x-request-id']);
    expect([cache, route]).toEqual(['hit', { ...(made as object), attempts: 0 }]);
    expect(again.headers).toMatchObject({
      'x-gateway-attempts': '0',
      age: '0',
      'x-gateway-model': 'gemini-3.8-flash',
    });
    expect(again.headers['x-gateway-cache-key']).toBe(first.headers['x-gateway-cache-key']);
  });

  it('reports the usage of a hit as saved, and charges nothing', async () => {
    const spent = () => metric('gateway_tokens_total{target="main/gemini-3.8-flash",kind="output"}');
    const saved = () =>
      metric('gateway_cache_saved_tokens_total{target="main/gemini-3.8-flash",kind="output"}');
    const hits = () => metric('gateway_cache_requests_total{task="cached",state="hit",tier="memory"}');
    const { json } = await ask(gateway, { prompt: 'what does it cost' });
    const { outputTokens } = json['usage'] as { outputTokens: number };
    const before = { spent: await spent(), saved: await saved(), hits: await hits() };
    const hit = await ask(gateway, { prompt: 'what does it cost' });
    expect(hit.json['usage']).toEqual(json['usage']);
    expect([await spent(), await saved(), await hits()]).toEqual([
      before.spent,
      before.saved + outputTokens,
      before.hits + 1,
    ]);
    const line = await eventually(() =>
      gateway.logs.find(({ request_id: id }) => id === hit.headers['x-request-id']),
    );
    expect(line).toMatchObject({
      cache: 'hit',
      cache_tier: 'memory',
      input_tokens: 0,
      output_tokens: 0,
      retry_count: 0,
    });
    const explained = await jsonOf(
      gateway.call(`/v1/requests/${String(hit.headers['x-request-id'])}/explain`),
    );
    expect(explained.json).toMatchObject({
      cache: { state: 'hit', tier: 'memory' },
      attempts: [],
      usage: { totalTokens: 0 },
    });
  });

  it('does not mind the order of fields, and minds everything that changes the answer', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'number' } } };
    const reordered = { properties: { b: { type: 'number' }, a: { type: 'string' } }, type: 'object' };
    await ask(gateway, { prompt: 'order', schema });
    expect(stateOf(await ask(gateway, { schema: reordered, prompt: 'order' }))).toBe('hit');
    expect(stateOf(await ask(gateway, { prompt: 'order', schema: { ...schema, required: ['a'] } }))).toBe(
      'miss',
    );
    expect(stateOf(await ask(gateway, { prompt: 'order', schema, system: 'Be brief.' }))).toBe('miss');
    expect(stateOf(await ask(gateway, { prompt: 'order', schema, generation: { seed: 1 } }))).toBe('miss');
    expect(stateOf(await ask(gateway, { prompt: 'order', schema, generation: { temperature: 0 } }))).toBe(
      'hit',
    );
  });

  it('replays a stream in the shape of a live one, and gives its answer to unary calls too', async () => {
    const body = { prompt: 'tell me in pieces', stream: true };
    const live = restEvents((await ask(gateway, body)).text);
    const replay = await ask(gateway, body);
    expect(stateOf(replay)).toBe('hit');
    const stored = restEvents(replay.text);
    expect(live.length).toBeGreaterThan(3);
    expect(stored.slice(0, -1)).toEqual(live.slice(0, -1));
    expect(stored.at(-1)).toMatchObject({
      event: 'done',
      data: { cache: 'hit', usage: live.at(-1)?.data['usage'] },
    });
    const unary = await ask(gateway, { prompt: 'tell me in pieces' });
    expect(unary.json).toMatchObject({ cache: 'hit', text: streamedText(live) });
  });

  it('keeps tenants apart, shares within one, and by team or with all where the task says so', async () => {
    const states = async (task: string) => {
      const body = { task, prompt: `who has it, ${task}` };
      const keys = [KEYS.acme, KEYS.umbrella, KEYS.acmeToo, KEYS.acme];
      const seen: string[] = [];
      for (const key of keys) seen.push(stateOf(await ask(gateway, body, as(key))));
      return seen;
    };
    expect(await states('cached')).toEqual(['miss', 'miss', 'hit', 'hit']);
    expect(await states('team')).toEqual(['miss', 'miss', 'miss', 'hit']);
    expect(await states('everybody')).toEqual(['miss', 'hit', 'hit', 'hit']);
  });

  it('does not store what is above temperature 0 unless the task says so', async () => {
    const twice = async (body: object) => [
      stateOf(await ask(gateway, body)),
      stateOf(await ask(gateway, body)),
    ];
    expect(await twice({ task: 'warm', prompt: 'p' })).toEqual(['bypass', 'bypass']);
    expect(await twice({ task: 'warm', prompt: 'p', generation: { temperature: 0 } })).toEqual([
      'miss',
      'hit',
    ]);
    expect(await twice({ prompt: 'warmer', generation: { temperature: 0.1 } })).toEqual(['bypass', 'bypass']);
    expect(await twice({ task: 'any', prompt: 'p', generation: { temperature: 1 } })).toEqual([
      'miss',
      'hit',
    ]);
  });

  it.each(['safety', 'max-tokens-thoughts', 'empty-content', 'no-finish', 'mid-stream-error-event'] as const)(
    'does not store what came of %s',
    async (kind) => {
      const prompt = `nothing of ${kind}`;
      gateway.emulator.scenarios.add({ kind, times: 0, match: { text: prompt } });
      for (const stream of [true, false]) {
        const { text } = await ask(gateway, { prompt, stream });
        expect(text).not.toBe('');
      }
      gateway.emulator.scenarios.clear();
      expect(stateOf(await ask(gateway, { prompt }))).toBe('miss');
    },
  );

  it('stores calls of tools only where the task says so', async () => {
    const tools = [
      {
        functionDeclarations: [
          { name: 'look_up', parameters: { type: 'object', properties: { q: { type: 'string' } } } },
        ],
      },
    ];
    const toolConfig = { functionCallingConfig: { mode: 'ANY' } };
    const twice = async (task: string) => {
      const body = { task, prompt: 'look it up', tools, toolConfig };
      const first = await ask(gateway, body);
      expect(first.json['toolCalls']).toHaveLength(1);
      return [stateOf(first), stateOf(await ask(gateway, body))];
    };
    expect(await twice('cached')).toEqual(['miss', 'miss']);
    expect(await twice('tools')).toEqual(['miss', 'hit']);
  });

  it('stores embeddings: they have no temperature', async () => {
    const embed = () => jsonOf(gateway.call('/v1/embed', { task: 'vectors', texts: ['one', 'two'] }));
    const first = await embed();
    const again = await embed();
    expect([stateOf(first), stateOf(again)]).toEqual(['miss', 'hit']);
    expect(again.json['embeddings']).toEqual(first.json['embeddings']);
  });
});

describe('what a caller says about stored answers', () => {
  it('forceRefresh and no-cache get a new answer, which takes the place of the old one', async () => {
    const prompt = 'again, please';
    const first = await ask(gateway, { prompt });
    const forced = await ask(gateway, { prompt, cache: { forceRefresh: true } });
    expect([stateOf(forced), forced.headers.etag === first.headers.etag]).toEqual(['miss', false]);
    const hit = await ask(gateway, { prompt });
    expect(hit.headers.etag).toBe(forced.headers.etag);
    expect(stateOf(await ask(gateway, { prompt }, { 'cache-control': 'no-cache' }))).toBe('miss');
  });

  it('noStore leaves nothing behind', async () => {
    const prompt = 'between us';
    for (const body of [{ prompt, cache: { noStore: true } }, { prompt }]) {
      const answer = await ask(gateway, body, body.cache ? {} : { 'cache-control': 'no-store' });
      expect([stateOf(answer), answer.headers['cache-control']]).toEqual(['miss', 'no-store']);
    }
    expect(stateOf(await ask(gateway, { prompt }))).toBe('miss');
  });

  it('onlyIfCached gets a stored answer or none', async () => {
    const prompt = 'only if you know';
    const before = upstreamCalls();
    const none = await ask(gateway, { prompt }, { 'cache-control': 'only-if-cached' });
    expect([none.status, none.json['code'], upstreamCalls()]).toEqual([503, 'NO_TARGET', before]);
    await ask(gateway, { prompt });
    expect(stateOf(await ask(gateway, { prompt, cache: { onlyIfCached: true } }))).toBe('hit');
  });

  it('maxAgeMs refuses answers that are older', async () => {
    const prompt = 'the latest';
    await ask(gateway, { prompt });
    expect(stateOf(await ask(gateway, { prompt }, { 'cache-control': 'max-age=60' }))).toBe('hit');
    expect(
      stateOf(
        await eventually(async () => {
          const answer = await ask(gateway, { prompt, cache: { maxAgeMs: 20 } });
          return stateOf(answer) === 'miss' && answer;
        }),
      ),
    ).toBe('miss');
  });

  it('ttlMs has the answers of a model kept that no task caches, at temperature 0', async () => {
    const body = {
      task: undefined,
      model: 'gemini-3.8-flash',
      prompt: 'keep it',
      generation: { temperature: 0 },
      cache: { ttlMs: 30_000 },
    };
    const first = await ask(gateway, body);
    const again = await ask(gateway, body);
    expect([stateOf(first), stateOf(again)]).toEqual(['miss', 'hit']);
    expect(Number(/max-age=(\d+)/.exec(String(again.headers['cache-control']))?.[1])).toBeLessThanOrEqual(30);
    expect(stateOf(await ask(gateway, { ...body, cache: undefined }))).toBe('bypass');
  });

  it('unknown directives in the body are refused by name', async () => {
    const { status, json } = await ask(gateway, { prompt: 'p', cache: { forever: true } });
    expect([status, json['field']]).toEqual([400, 'cache.forever']);
  });
});

describe('caches of clients', () => {
  it('are told a name and a time for what is stored, and get 304 for what they have', async () => {
    const prompt = 'do I have it';
    const first = await ask(gateway, { prompt });
    const { etag } = first.headers;
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    expect(String(first.headers['cache-control'])).toMatch(/^private, max-age=(5[4-9]|60)$/);
    const known = await ask(gateway, { prompt }, { 'if-none-match': `"other", ${String(etag)}` });
    expect([known.status, known.text, known.headers.etag]).toEqual([304, '', etag]);
    expect((await ask(gateway, { prompt }, { 'if-none-match': '"other"' })).status).toBe(200);
  });
});

describe('answers past their time', () => {
  // Outages open breakers, which would be in the way of the others.
  let failing: GatewayUnderTest;
  beforeEach(async () => {
    failing = await cachingGateway();
  });
  afterEach(() => failing.close());

  it('are given in an outage, marked, and before answers made beforehand; not for what the caller did wrong', async () => {
    const body = { task: 'brief', prompt: 'is it there' };
    const { scenarios } = failing.emulator;
    const fresh = await ask(failing, body);
    const rawBody = '{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"no"}}';
    scenarios.add({ kind: 'raw', status: 400, rawBody, times: 0, match: { text: body.prompt } });
    await eventually(async () => (await ask(failing, body)).status === 400);
    scenarios.clear();
    scenarios.add({ kind: 'unavailable-503', times: 0, match: { text: body.prompt } });
    const stale = await ask(failing, body);
    expect(stale.json).toMatchObject({ cache: 'stale', text: fresh.json['text'] });
    expect(stale.headers).toMatchObject({
      warning: '110 - "Response is Stale"',
      'cache-control': 'private, max-age=0',
      etag: fresh.headers.etag,
    });
    expect(Number(stale.headers['age'])).toBeGreaterThanOrEqual(0);
    const other = await ask(failing, { ...body, prompt: `${body.prompt}, or not` });
    expect(other.json).toMatchObject({ cache: 'miss', text: 'Later, please.' });
    const canned = await ask(failing, { ...body, prompt: `${body.prompt}, or not` });
    expect(canned.json).toMatchObject({ cache: 'miss', text: 'Later, please.' });
  });

  it('are given while others are fetched behind them, once', async () => {
    const body = { task: 'renewing', prompt: 'is it new' };
    const fresh = await ask(failing, body);
    const stale = await eventually(async () => {
      const answers = await Promise.all([ask(failing, body), ask(failing, body), ask(failing, body)]);
      return answers.find((answer) => stateOf(answer) === 'stale');
    });
    expect(stale.json['text']).toBe(fresh.json['text']);
    const renewed = await eventually(async () => {
      const answer = await ask(failing, body);
      return stateOf(answer) === 'hit' && answer;
    });
    expect(renewed.headers.etag).not.toBe(fresh.headers.etag);
    expect(failing.upstreamCalls()).toHaveLength(2);
    const samples = samplesOf(await (await failing.call('/metrics')).body.text());
    expect(samples.get('gateway_cache_refreshes_total{result="stored"}')).toBe(1);
    expect(samples.get('gateway_cache_refresh_tokens_total')).toBeGreaterThan(0);
  });
});
