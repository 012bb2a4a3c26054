import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

describe('health', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ config: `${DEFAULT_CONFIG}\nprobeIntervalMs: 1000\n` });
  });
  afterAll(() => under.close());

  const health = (path = '') =>
    jsonOf(under.call(`/health${path}`, undefined, { headers: { authorization: '' } }));
  const summary = async () => (await health()).json;

  it.each(['/live', '/ready', '/startup'])('%s is up, and needs no key', async (path) => {
    const { status, json } = await health(path);
    expect({ status, state: json['status'] }).toEqual({ status: 200, state: 'ok' });
  });

  it('sums up what answers, the configuration version and each project', async () => {
    await eventually(
      async () => Object.keys((await summary())['projects'] as object).length > 0,
      'a first look',
    );
    expect(await summary()).toEqual({
      status: 'ok',
      upstream: 'configured',
      configVersion: 1,
      uptimeSeconds: expect.any(Number),
      projects: { main: { ok: true } },
    });
  });

  it('shows no key and no URL', async () => {
    const { text } = await health();
    for (const secret of [TEST_KEY, 'upstream-key', 'UPSTREAM_KEY', under.emulator.url])
      expect(text).not.toContain(secret);
  });

  it('looks at the upstream without generating anything', () => {
    expect(under.upstreamCalls()).toEqual([]);
  });

  it('is degraded, and ready all the same, while the upstream is dead', async () => {
    await under.emulator.close();
    await eventually(async () => (await summary())['status'] === 'degraded', 'the next look');
    const { status, json } = await health();
    expect(status).toBe(200);
    expect(json['projects']).toEqual({
      main: { ok: false, detail: expect.stringMatching(/^UPSTREAM_UNAVAILABLE: /) },
    });
    for (const path of ['/live', '/ready', '/startup']) expect((await health(path)).status).toBe(200);
    const call = await jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'x' }));
    expect({ status: call.status, code: call.json['code'] }).toEqual({
      status: 502,
      code: 'UPSTREAM_UNAVAILABLE',
    });
  });
});

describe('health while the gateway stops', () => {
  it('is not ready at once and alive to the end, while a stream goes on', async () => {
    const under = await gatewayUnderTest({
      environment: {
        GATEWAY__SERVER__UNREADY_BEFORE_DRAIN_MS: '400',
        GATEWAY__SERVER__DRAIN_TIMEOUT_MS: '3000',
      },
    });
    under.emulator.scenarios.add({ chunkDelayMs: 100, chunks: 8, match: { text: 'slowly' } });
    const stream = jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'slowly', stream: true }));
    await eventually(() => under.upstreamCalls().length > 0, 'the stream');
    const stopped = under.close();
    const ready = await jsonOf(under.call('/health/ready'));
    expect(ready.status).toBe(503);
    expect(ready.json).toMatchObject({
      status: 'error',
      details: { gateway: { status: 'down', state: 'draining' } },
    });
    expect((await jsonOf(under.call('/health/live'))).status).toBe(200);
    expect((await jsonOf(under.call('/health/startup'))).status).toBe(200);
    expect((await jsonOf(under.call('/health'))).json['status']).toBe('draining');
    expect((await stream).text).toContain('event: done');
    await stopped;
  });
});
