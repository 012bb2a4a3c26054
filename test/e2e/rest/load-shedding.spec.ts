import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
const IN_FLIGHT = 3;

describe('a gateway with as many requests in flight as may be', () => {
  let under: GatewayUnderTest;
  let waiting: Promise<{ readonly status: number }>[];
  beforeEach(async () => {
    under = await gatewayUnderTest({
      environment: { GATEWAY__SERVER__MAX_REQUESTS_IN_FLIGHT: String(IN_FLIGHT) },
    });
    under.emulator.scenarios.add({ delayMs: 400, times: IN_FLIGHT, match: { text: 'slow' } });
    waiting = Array.from({ length: IN_FLIGHT }, () => ask('slow'));
    await eventually(() => under.upstreamCalls().length === IN_FLIGHT, 'the calls in flight');
  });
  afterEach(() => under.close());

  const ask = (prompt: string) => jsonOf(under.call('/v1/generate', { model: MODEL, prompt }));

  it.each([
    ['the own', '/v1/generate', { code: 'QUEUE_FULL' }],
    [
      'the Gemini',
      `/v1beta/models/${MODEL}:generateContent`,
      { error: expect.objectContaining({ code: 429, status: 'RESOURCE_EXHAUSTED' }) },
    ],
  ])('refuses more on %s surface before it reads them, with a time to wait', async (_, path, body) => {
    const { status, headers, json } = await jsonOf(under.call(path, '{ this is no JSON'));
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('1');
    expect(json).toMatchObject(body);
    expect(under.upstreamCalls()).toHaveLength(IN_FLIGHT);
  });

  it('tells how it is all the same', async () => {
    for (const path of ['/health', '/health/ready', '/metrics'])
      expect((await jsonOf(under.call(path))).status).toBe(200);
  });

  it('takes new ones as soon as others are over, however many it refused', async () => {
    const refused = await Promise.all(Array.from({ length: 20 }, () => ask('more')));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await eventually(async () => (await ask('again')).status === 200, 'room for another');
  });
});
