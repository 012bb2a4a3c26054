import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../helpers/eventually.js';
import { gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { rawBody, rawConnection, rawExchange } from '../../helpers/raw-http.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const GARBAGE = 'garbage-4712';
const HEAD = `POST /v1/generate HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-type: application/json\r\n`;

describe('requests that are no good HTTP', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      environment: {
        GATEWAY__SERVER__HEADERS_TIMEOUT_MS: '200',
        GATEWAY__SERVER__REQUEST_TIMEOUT_MS: '400',
        GATEWAY__SERVER__MAX_HEADER_BYTES: '8192',
      },
    });
  });
  afterAll(() => under.close());

  it.each<[what: string, status: number, request: string]>([
    ['headers over the limit', 431, `${HEAD}x-long: ${GARBAGE.repeat(1_000)}\r\n\r\n`],
    ['what is no HTTP', 400, `${GARBAGE} is no request\r\n\r\n`],
    ['two lengths', 400, `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    ['a length and chunks', 400, `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a length that is no number', 400, `${HEAD}content-length: 2${GARBAGE}\r\n\r\n{}`],
    ['a header that is none', 400, `${HEAD}${GARBAGE} no colon\r\n\r\n`],
    [
      'a URL that does not decode',
      400,
      `GET /v1/%${GARBAGE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    ],
  ])('refuses %s', async (_what, status, request) => {
    const response = await rawExchange(under.url, request);
    expect(response).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(response.toLowerCase()).toContain('content-type: application/problem+json');
    expect(rawBody(response)).toMatchObject({ type: 'about:blank', status, code: 'INVALID_REQUEST' });
    expect(response).not.toContain(GARBAGE);
  });

  it.each<[surface: string, path: string, type: string, body: object]>([
    [
      'its own',
      '/v1/generate%zz',
      'application/problem+json',
      { status: 400, detail: 'The URL is not valid.', code: 'INVALID_REQUEST', requestId: 'bad-url' },
    ],
    [
      'the Gemini',
      '/v1beta/models/%zz:generateContent',
      'application/json',
      { error: expect.objectContaining({ code: 400, status: 'INVALID_ARGUMENT' }) },
    ],
    [
      'the OpenAI',
      '/openai/v1/models/%zz',
      'application/json',
      { error: expect.objectContaining({ type: 'invalid_request_error', message: 'The URL is not valid.' }) },
    ],
    ['no', '/%zz', 'application/problem+json', { status: 400, code: 'INVALID_REQUEST' }],
  ])('answers an unreadable URL in the words of %s surface, and logs it', async (_, path, type, body) => {
    const head = `GET ${path}?key=${GARBAGE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: bad-url\r\n\r\n`;
    const before = under.logs.length;
    const response = await rawExchange(under.url, head);
    expect(response).toMatch(/^HTTP\/1\.1 400 /);
    expect(response).toContain('x-request-id: bad-url');
    expect(response).toContain(`content-type: ${type}`);
    expect(rawBody(response)).toMatchObject(body);
    const line = await eventually(
      () => under.logs.slice(before).find(({ request_id }) => request_id === 'bad-url'),
      'the log line',
    );
    expect(line).toMatchObject({ route: 'unknown', status_code: 400, outcome: 'INVALID_REQUEST' });
    expect(response).not.toContain(GARBAGE);
  });

  it('says of a URL whose part is too long that it is', async () => {
    const { status, json } = await jsonOf(under.call(`/v1beta/models/${'m'.repeat(2_000)}`));
    expect({ status, json }).toMatchObject({ status: 414, json: { error: { code: 414 } } });
  });

  it('closes a connection whose headers dribble in', async () => {
    const started = performance.now();
    const { socket, closed } = await rawConnection(under.url);
    socket.write('POST /v1/generate HTTP/1.1\r\nhost: x\r\n');
    const dribble = setInterval(() => socket.write('x'), 40);
    const response = await closed.finally(() => clearInterval(dribble));
    expect(response).toMatch(/^HTTP\/1\.1 408 /);
    expect(rawBody(response)).toMatchObject({ status: 408, code: 'INVALID_REQUEST' });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('closes a connection whose body dribbles in, and says in the log that it was no call', async () => {
    const started = performance.now();
    const { socket, closed } = await rawConnection(under.url);
    socket.write(`${HEAD}x-request-id: slow-body\r\ncontent-length: 1000\r\n\r\n`);
    const dribble = setInterval(() => socket.write(' '), 40);
    const response = await closed.finally(() => clearInterval(dribble));
    expect(response).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - started).toBeLessThan(2_000);
    const line = await eventually(
      () => under.logs.find(({ request_id }) => request_id === 'slow-body'),
      'the log line',
    );
    expect(line).toMatchObject({ outcome: 'CANCELLED', status_code: 499 });
    expect(under.upstreamCalls()).toEqual([]);
  });

  it('does not take the time of an answer for slowness of the request', async () => {
    under.emulator.scenarios.add({ match: { text: 'takes its time' }, delayMs: 900 });
    const answer = await jsonOf(under.call('/v1/generate', { task: 'chat', prompt: 'takes its time' }));
    expect(answer.status).toBe(200);
  });

  it('goes on serving afterwards, and has logged nothing of it', async () => {
    expect((await jsonOf(under.call('/v1/models'))).status).toBe(200);
    expect(under.logText()).not.toContain(GARBAGE);
    expect(under.logText()).not.toContain(TEST_KEY);
  });
});
