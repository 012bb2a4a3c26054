import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf, restEvents, streamedText } from '../../helpers/rest-answers.js';

const project = (id: string, rest: string) =>
  `  - { id: ${id}, provider: gemini, baseUrl: "\${emulator}", credentials: { apiKeys: [{ secret: "env:KEY_${id.toUpperCase()}" }] }, ${rest} }`;

const CONFIG = `
resilience: { backoffMs: 1, maxWaitMs: 100 }
models:
  gemini-3.8-flash: {}
  gemini-3.5-flash: {}
  gemini-3.5-flash-lite: { inputModalities: [text], tools: false }
projects:
${project('eu', 'residency: eu, weight: 3, models: [gemini-3.8-flash, gemini-3.5-flash-lite]')}
${project('us', 'residency: us, weight: 1, models: [gemini-3.8-flash]')}
${project('old', 'models: [gemini-3.5-flash]')}
tasks:
  chat: { models: [gemini-3.8-flash] }
  ordered: { models: [gemini-3.5-flash-lite, gemini-3.5-flash] }
  text_only: { models: [gemini-3.5-flash-lite] }
  european: { models: [gemini-3.8-flash, gemini-3.5-flash-lite], residency: eu }
  nowhere: { models: [gemini-3.5-flash], residency: eu }
  careful: { models: [gemini-3.5-flash], fallback: [{ model: gemini-3.5-flash-lite }, { canned: sorry }] }
  short: { models: [gemini-3.5-flash], timeoutMs: 150 }
canned: { sorry: { text: "Nobody is there." } }
`;
const AUDIO = { mimeType: 'audio/mp3', data: Buffer.from('not looked at').toString('base64') };

describe('routing by task', () => {
  let under: GatewayUnderTest;
  // What one case does to its targets must not be there in the next.
  beforeEach(async () => {
    under = await gatewayUnderTest({
      config: CONFIG,
      environment: { KEY_EU: 'key-eu', KEY_US: 'key-us', KEY_OLD: 'key-old' },
    });
  });
  afterEach(() => under.close());

  const ask = (body: object) => jsonOf(under.call('/v1/generate', { prompt: 'ask on', ...body }));
  const fail = (kind: 'unavailable-503' | 'rate-minute' | 'bad-key', match: object, times = 0) =>
    under.emulator.scenarios.add({ kind, times, match: { text: 'ask on', ...match } });

  it('asks the first model of the task', async () => {
    expect((await ask({ task: 'ordered' })).json['model']).toBe('gemini-3.5-flash-lite');
  });

  it.each([
    { kind: 'unavailable-503', attempts: 4 },
    { kind: 'rate-minute', attempts: 2 },
    { kind: 'bad-key', attempts: 2 },
  ] as const)(
    'goes to the next target on $kind, before the first event, after what retries can do',
    async ({ kind, attempts }) => {
      fail(kind, { model: 'gemini-3.5-flash-lite' });
      const { status, headers } = await ask({ task: 'ordered', stream: true });
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'x-gateway-target': 'old/gemini-3.5-flash',
        'x-gateway-attempts': String(attempts),
      });
    },
  );

  it('says that another than the first target answered', async () => {
    fail('unavailable-503', { model: 'gemini-3.5-flash-lite' });
    expect((await ask({ task: 'ordered' })).json['route']).toEqual({
      target: 'old/gemini-3.5-flash',
      attempts: 4,
      fallback: true,
    });
  });

  it('does not go on with a request that the upstream finds wrong', async () => {
    const before = under.upstreamCalls().length;
    under.emulator.scenarios.add({
      kind: 'raw',
      status: 400,
      rawBody: '{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Bad thing."}}',
      match: { text: 'ask on' },
    });
    const { status, json } = await ask({ task: 'ordered' });
    expect({ status, code: json['code'], detail: json['detail'] }).toEqual({
      status: 400,
      code: 'INVALID_REQUEST',
      detail: 'Bad thing.',
    });
    expect(under.upstreamCalls().length).toBe(before + 1);
  });

  it('does not change the target once a stream has begun', async () => {
    under.emulator.scenarios.add({ kind: 'mid-stream-error-event', match: { text: 'ask on' } });
    const before = under.upstreamCalls().length;
    const events = restEvents((await ask({ task: 'ordered', stream: true })).text);
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { code: 'UPSTREAM_OVERLOADED' } });
    expect(under.upstreamCalls().length).toBe(before + 1);
  });

  it('tries the fallback model of the task', async () => {
    fail('unavailable-503', { model: 'gemini-3.5-flash' });
    expect((await ask({ task: 'careful' })).json['route']).toMatchObject({
      target: 'eu/gemini-3.5-flash-lite',
      attempts: 4,
      fallback: true,
    });
  });

  it('gives the answer made beforehand when no model answers', async () => {
    fail('unavailable-503', {});
    const { status, json } = await ask({ task: 'careful' });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      text: 'Nobody is there.',
      route: { target: 'canned/sorry', attempts: 7, fallback: true },
      usage: { totalTokens: 0 },
    });
    const streamed = restEvents((await ask({ task: 'careful', stream: true })).text);
    expect(streamedText(streamed)).toBe('Nobody is there.');
    expect(streamed.at(-1)).toMatchObject({ event: 'done', data: { route: { fallback: true } } });
  });

  it('gives the failure of the last target when all fail, with the time to wait', async () => {
    fail('rate-minute', {});
    const { status, json, headers } = await ask({ task: 'ordered' });
    expect(status).toBe(429);
    expect(json).toMatchObject({ code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 46_000, quotaKind: 'minute' });
    expect(headers['retry-after']).toBe('46');
  });

  it('skips models that cannot take the request, and refuses by name when none can', async () => {
    expect((await ask({ task: 'ordered', media: [AUDIO] })).json['model']).toBe('gemini-3.5-flash');
    const audio = await ask({ task: 'text_only', media: [AUDIO] });
    expect(audio.status).toBe(400);
    expect(audio.json['detail']).toContain('gemini-3.5-flash-lite takes no audio input');
    const tools = await ask({ task: 'text_only', tools: [{ functionDeclarations: [{ name: 'f' }] }] });
    expect(tools.json['detail']).toContain('takes no function declarations');
  });

  it('keeps to the residency of a task', async () => {
    const targets = new Set<unknown>();
    for (let each = 0; each < 12; each += 1)
      targets.add((await ask({ task: 'european' })).headers['x-gateway-target']);
    expect([...targets]).toEqual(['eu/gemini-3.8-flash']);
    fail('unavailable-503', { model: 'gemini-3.8-flash' });
    expect((await ask({ task: 'european' })).headers['x-gateway-target']).toBe('eu/gemini-3.5-flash-lite');
    const { status, json } = await ask({ task: 'nowhere' });
    expect({ status, code: json['code'] }).toEqual({ status: 503, code: 'NO_TARGET' });
  });

  it('shares traffic by weight', async () => {
    let eu = 0;
    for (let each = 0; each < 400; each += 1) {
      const { headers } = await ask({ task: 'chat' });
      if (headers['x-gateway-target'] === 'eu/gemini-3.8-flash') eu += 1;
    }
    // 300 expected, standard deviation 8.7: six of them to each side.
    expect(eu).toBeGreaterThan(247);
    expect(eu).toBeLessThan(353);
  });

  it('goes to the other project of the model before it gives the model up', async () => {
    fail('unavailable-503', { key: 'key-eu' });
    for (let each = 0; each < 5; each += 1)
      expect((await ask({ task: 'chat' })).headers['x-gateway-target']).toBe('us/gemini-3.8-flash');
  });

  it('asks a model by name, alone or in place of those of the task', async () => {
    expect((await ask({ model: 'gemini-3.5-flash' })).json['model']).toBe('gemini-3.5-flash');
    expect((await ask({ task: 'chat', model: 'gemini-3.5-flash' })).json['model']).toBe('gemini-3.5-flash');
  });

  it.each([
    ['the task', { task: 'short' }],
    ['the caller', { task: 'chat', timeoutMs: 150 }],
  ])('keeps the deadline of %s, and lets the upstream go', async (_whose, body) => {
    under.emulator.scenarios.add({ delayMs: 5_000, match: { text: 'ask on' } });
    const started = performance.now();
    const { status, json } = await ask(body);
    expect({ status, code: json['code'] }).toEqual({ status: 504, code: 'DEADLINE_EXCEEDED' });
    expect(performance.now() - started).toBeLessThan(1_500);
    await eventually(() => under.upstreamCalls().at(-1)?.aborted, 'the end of the upstream call');
  });

  it('ends a stream that outlasts the deadline in an error event', async () => {
    under.emulator.scenarios.add({ chunkDelayMs: 100, chunks: 50, match: { text: 'ask on' } });
    const events = restEvents((await ask({ task: 'chat', timeoutMs: 250, stream: true })).text);
    expect(events.length).toBeGreaterThan(1);
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { code: 'DEADLINE_EXCEEDED', status: 504 } });
  });
});
