import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { rawBody, rawConnection, rawExchange } from '../../helpers/raw-http.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const MODEL = 'gemini-3.8-flash';
const IN_FLIGHT = 3;
const HEAD = `POST /v1/generate HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-type: application/json\r\n`;

let under: GatewayUnderTest;
afterEach(() => under.close());

const ask = (prompt: string) => jsonOf(under.call('/v1/generate', { model: MODEL, prompt }));

/** So many calls that the upstream holds, once it has them all. */
async function heldCalls(count: number): Promise<Promise<{ readonly status: number }>[]> {
  under.emulator.scenarios.add({ delayMs: 400, times: count, match: { text: 'slow' } });
  const held = Array.from({ length: count }, () => ask('slow'));
  await eventually(() => under.upstreamCalls().length === count, 'the calls in flight');
  return held;
}

const statuses = async (held: Promise<{ readonly status: number }>[]) =>
  (await Promise.all(held)).map(({ status }) => status);

describe('a gateway with as many requests in flight as may be', () => {
  let waiting: Promise<{ readonly status: number }>[];
  beforeEach(async () => {
    under = await gatewayUnderTest({
      environment: { GATEWAY__SERVER__MAX_REQUESTS_IN_FLIGHT: String(IN_FLIGHT) },
    });
    waiting = await heldCalls(IN_FLIGHT);
  });

  it.each([
    ['its own', '/v1/generate', { code: 'QUEUE_FULL' }],
    [
      'the Gemini',
      `/v1beta/models/${MODEL}:generateContent`,
      { error: expect.objectContaining({ code: 429, status: 'RESOURCE_EXHAUSTED' }) },
    ],
    [
      'the OpenAI',
      '/openai/v1/chat/completions',
      { error: expect.objectContaining({ type: 'rate_limit_error', code: 'queue_full' }) },
    ],
  ])('refuses more on %s surface before it reads them, with a time to wait', async (_, path, body) => {
    const { status, headers, json } = await jsonOf(under.call(path, '{ this is no JSON'));
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('1');
    expect(json).toMatchObject(body);
    expect(under.upstreamCalls()).toHaveLength(IN_FLIGHT);
  });

  it('does not wait for the body of what it refuses', async () => {
    const connection = await rawConnection(under.url);
    connection.socket.write(`${HEAD}content-length: 1000000\r\n\r\n`);
    await eventually(() => connection.received().includes('QUEUE_FULL'), 'the refusal');
    expect(connection.received()).toMatch(/^HTTP\/1\.1 429 /);
    connection.socket.destroy();
  });

  it('does not look at the key of what it refuses', async () => {
    const headers = { authorization: 'Bearer wrong' };
    expect((await jsonOf(under.call('/v1/models', undefined, { headers }))).status).toBe(429);
  });

  it('tells how it is all the same', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/metrics', '/docs/openapi.json'])
      expect((await jsonOf(under.call(path))).status).toBe(200);
  });

  it('writes a line for each refusal, and counts it', async () => {
    await ask('more');
    const line = await eventually(() => under.logs.find(({ outcome }) => outcome === 'QUEUE_FULL'), 'a line');
    expect(line).toMatchObject({ route: '/v1/generate', status_code: 429 });
    const { text } = await jsonOf(under.call('/metrics'));
    expect(text).toMatch(/^gateway_refusals_total\{reason="QUEUE_FULL"\} 1$/m);
  });

  it('takes new ones as soon as others are over, however many it refused', async () => {
    const refused = await Promise.all(Array.from({ length: 20 }, () => ask('more')));
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
    expect(await statuses(waiting)).toEqual([200, 200, 200]);
    await eventually(async () => (await ask('again')).status === 200, 'room for another');
  });
});

describe('a gateway that holds no more of bodies', () => {
  beforeEach(async () => {
    under = await gatewayUnderTest({
      environment: { GATEWAY__SERVER__MAX_BODY_BYTES_IN_FLIGHT: '20000' },
    });
  });

  it('refuses large requests while others are in flight, and takes small ones', async () => {
    const waiting = await heldCalls(2);
    const large = 'long '.repeat(5_000);
    const refused = await ask(large);
    expect(refused.json).toMatchObject({ code: 'QUEUE_FULL' });
    expect(refused.headers['retry-after']).toBe('1');
    expect((await ask('short')).status).toBe(200);
    expect(await statuses(waiting)).toEqual([200, 200]);
    await eventually(async () => (await ask(large)).status === 200, 'room for the large one alone');
  });

  it('counts a body of unknown length once it is there', async () => {
    under.emulator.scenarios.add({ delayMs: 400, times: 1, match: { text: 'slow' } });
    const text = JSON.stringify({ model: MODEL, prompt: `slow ${'x'.repeat(30_000)}` });
    const chunk = `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const chunked = rawExchange(
      under.url,
      `${HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`,
    );
    await eventually(() => under.upstreamCalls().length === 1, 'the call in flight');
    expect((await ask('short')).json).toMatchObject({ code: 'QUEUE_FULL' });
    expect(await chunked).toMatch(/^HTTP\/1\.1 200 /);
    await eventually(async () => (await ask('short')).status === 200, 'room for another');
  });

  it('takes what it only passes on, whatever its size', async () => {
    const waiting = await heldCalls(1);
    const upload = await rawExchange(
      under.url,
      `POST /upload/v1beta/files?uploadType=media HTTP/1.1\r\nhost: x\r\nconnection: close\r\n` +
        `x-goog-api-key: ${TEST_KEY}\r\ncontent-type: text/plain\r\ncontent-length: 40000\r\n\r\n${'x'.repeat(40_000)}`,
    );
    expect(upload).toMatch(/^HTTP\/1\.1 200 /);
    expect(await statuses(waiting)).toEqual([200]);
  });
});

describe('a gateway with as many connections as may be', () => {
  it('closes others, which the ones it has do not feel', async () => {
    under = await gatewayUnderTest({ environment: { GATEWAY__SERVER__MAX_CONNECTIONS: '2' } });
    const kept = [await rawConnection(under.url), await rawConnection(under.url)];
    const refused = await rawConnection(under.url);
    expect(await refused.closed).toBe('');
    const [first] = kept;
    first?.socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    const answer = (await first?.closed) ?? '';
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(rawBody(answer)).toMatchObject({ code: 'UNAUTHENTICATED' });
    for (const { socket } of kept) socket.destroy();
  });
});
