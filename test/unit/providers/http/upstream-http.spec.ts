import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { errors } from 'undici';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import {
  readText,
  transportError,
  UpstreamHttp,
  type UpstreamResponse,
} from '../../../../src/providers/http/upstream-http.js';
import { eventually } from '../../../helpers/eventually.js';
import { startUpstream } from '../../../helpers/http-upstream.js';

const OPTIONS = { connectTimeoutMs: 1_000, keepAliveMs: 5_000, maxConnections: 4, http2: false };

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

function kept<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one);
  return one;
}

const get = (path: string) => ({
  method: 'GET',
  path,
  headers: {},
  signal: new AbortController().signal,
});

describe('UpstreamHttp', () => {
  it('puts the path of its base URL before every path', async () => {
    const upstream = kept(await startUpstream((res) => res.end('ok')));
    const http = kept(new UpstreamHttp(`${upstream.url}/base/`, OPTIONS));
    const response = await http.send(get('/v1?x=1'));
    expect(await response.body.text()).toBe('ok');
    expect(upstream.requests[0]?.url).toBe('/base/v1?x=1');
  });

  it('uses its connections again', async () => {
    const ports = new Set<number | undefined>();
    const upstream = kept(
      await startUpstream((res, req) => {
        ports.add(req.socket.remotePort);
        res.end('ok');
      }),
    );
    const http = kept(new UpstreamHttp(upstream.url, OPTIONS));
    for (let at = 0; at < 20; at += 1) await (await http.send(get('/'))).body.text();
    // A second one may open while the first is still being given back.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it('opens no more connections than it may', async () => {
    let connections = 0;
    let most = 0;
    const upstream = kept(
      await startUpstream((res) => {
        connections += 1;
        most = Math.max(most, connections);
        setImmediate(() => {
          connections -= 1;
          res.end();
        });
      }),
    );
    const http = kept(new UpstreamHttp(upstream.url, { ...OPTIONS, maxConnections: 2 }));
    await Promise.all(Array.from({ length: 10 }, async () => (await http.send(get('/'))).body.text()));
    expect(most).toBeLessThanOrEqual(2);
  });

  it('closes once the requests in flight are answered', async () => {
    let answer: (() => void) | undefined;
    const upstream = kept(await startUpstream((res) => (answer = () => res.end('late'))));
    const http = new UpstreamHttp(upstream.url, OPTIONS);
    const pending = http.send(get('/'));
    await eventually(() => answer !== undefined);
    const closing = http.close();
    answer?.();
    expect(await (await pending).body.text()).toBe('late');
    await closing;
    await expect(http.send(get('/'))).rejects.toThrow();
  });
});

function responseOf(pieces: readonly string[], headers: UpstreamResponse['headers'] = {}): UpstreamResponse {
  const buffers = pieces.map((piece) => Buffer.from(piece, 'latin1'));
  const body = Object.assign(Readable.from(buffers, { objectMode: false }), {
    text: () => Promise.resolve(Buffer.concat(buffers).toString()),
  });
  return { status: 200, headers, body };
}

describe('readText', () => {
  it('reads UTF-8 cut within a character', async () => {
    const [first, second] = ['\xE6\x9D', '\xB1'];
    expect(await readText(responseOf([first, second]), 3)).toBe('東');
  });

  it('takes exactly as many bytes as it may, and refuses one more and cancels', async () => {
    expect(await readText(responseOf(['12', '34']), 4)).toBe('1234');
    const response = responseOf(['12', '345']);
    await expect(readText(response, 4)).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
    expect(response.body.destroyed).toBe(true);
  });

  it('believes no declared length beyond the bound', async () => {
    const declared = { 'content-length': '5' };
    await expect(readText(responseOf(['12345'], declared), 4)).rejects.toMatchObject({
      reason: 'UPSTREAM_PROTOCOL',
    });
    expect(await readText(responseOf(['12345'], declared), 5)).toBe('12345');
  });
});

describe('transportError', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])(
    'says for %s that the upstream was not reached',
    (code) => {
      expect(transportError(Object.assign(new Error('x'), { code }))).toMatchObject({
        reason: 'UPSTREAM_UNAVAILABLE',
        message: 'The upstream cannot be reached.',
        metadata: { upstreamReason: code },
      });
    },
  );

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])('blames no upstream for %s', (code) => {
    const error = transportError(Object.assign(new Error(`connect ${code}`), { code }));
    expect(error).toMatchObject({
      reason: 'QUEUE_FULL',
      countsAgainstTarget: false,
      retryAfterMs: 1_000,
      metadata: {},
    });
    expect(error.message).not.toContain(code);
  });

  it('finds the code of what lies below', () => {
    const cause = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
    expect(transportError(new TypeError('fetch failed', { cause }))).toMatchObject({
      message: 'The connection to the upstream broke.',
      metadata: { upstreamReason: 'UND_ERR_SOCKET' },
      cause: expect.any(TypeError),
    });
  });

  it('says of what is no HTTP that it is none', () => {
    expect(transportError(new errors.HTTPParserError('Expected HTTP/'))).toMatchObject({
      reason: 'UPSTREAM_PROTOCOL',
      message: 'The upstream answered with something that is no HTTP.',
    });
  });

  it('leaves a GatewayError as it is, and blames no upstream for what has no code', () => {
    const error = new GatewayError('UPSTREAM_AUTH', 'No.');
    expect(transportError(error)).toBe(error);
    expect(transportError(new TypeError('a mistake of ours'))).toMatchObject({ reason: 'INTERNAL' });
  });
});
