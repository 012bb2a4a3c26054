import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ConfigStore } from '../../../../src/config/config-store.js';
import type { Clock } from '../../../../src/core/clock.js';
import { systemClock } from '../../../../src/core/clock.js';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { RemotePart } from '../../../../src/transport/shared/conversation.js';
import type { MediaNetwork } from '../../../../src/transport/openai-api/media-network.js';
import { MediaFetchConfig, OpenAiApiConfig } from '../../../../src/transport/openai-api/openai-api.config.js';
import { isPrivateAddress } from '../../../../src/transport/shared/public-url.js';
import { RemoteMedia } from '../../../../src/transport/openai-api/remote-media.js';
import { selfSigned } from '../../../faults/certificates.js';
import { configFixture } from '../../../helpers/calls.js';
import { eventually } from '../../../helpers/eventually.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const { key, cert } = selfSigned(0.5);
const PIXEL = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64');

describe('RemoteMedia', () => {
  let server: Server;
  let port: number;
  let answer: (req: IncomingMessage, res: ServerResponse) => void;
  let asked: string[];
  beforeAll(async () => {
    server = createServer({ key, cert }, (req, res) => {
      asked.push(`${req.headers.host?.replace(/:\d+$/, '')}${req.url}`);
      answer(req, res);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  beforeEach(() => {
    asked = [];
    answer = (_req, res) => res.writeHead(200, { 'content-type': 'image/gif; x=y' }).end(PIXEL);
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  /** Every name is this machine, which counts as public here, unless told otherwise. */
  function mediaOf(
    settings: Partial<MediaFetchConfig> = {},
    network: Partial<MediaNetwork> = {},
    clock: Clock = systemClock,
  ): RemoteMedia {
    const allowHosts = [`images.example.com:${port}`, `*.cdn.example.com:${port}`];
    const imageFetch = Object.assign(new MediaFetchConfig(), { allowHosts, ...settings });
    const config = configFixture(Object.assign(new OpenAiApiConfig(), { imageFetch }));
    const store = { current: () => config } as Pick<ConfigStore, 'current'> as ConfigStore;
    return new RemoteMedia(store, clock, {
      resolve: () => Promise.resolve(['127.0.0.1']),
      isPublic: (address) => address === '127.0.0.1' || !isPrivateAddress(address),
      tls: { ca: cert, checkServerIdentity: () => undefined },
      ...network,
    });
  }

  function partOf(path = '/a', host = 'images.example.com', family = 'image/'): RemotePart {
    const url = new URL(`https://${host}:${port}${path}`);
    return { part: { fileData: { fileUri: url.href } }, url, family, path: `field${path}` };
  }

  const never = () => new AbortController().signal;

  async function failureOf(made: Promise<void>): Promise<GatewayError> {
    const thrown: unknown = await made.then(
      () => new Error('it was read'),
      (error: unknown) => error,
    );
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }

  it('reads only what the configuration allows', () => {
    const media = mediaOf();
    const reads = (url: string) => media.reads(new URL(url));
    expect(reads(`https://images.example.com:${port}/a`)).toBe(true);
    expect(reads(`https://eu.cdn.example.com:${port}/a`)).toBe(true);
    expect(reads('https://images.example.com/a')).toBe(false);
    expect(reads(`https://cdn.example.com:${port}/a`)).toBe(false);
    expect(reads(`https://evilcdn.example.com:${port}/a`)).toBe(false);
    expect(reads(`http://images.example.com:${port}/a`)).toBe(false);
    expect(reads(`https://u:p@images.example.com:${port}/a`)).toBe(false);
    expect(mediaOf({ allowHosts: [] }).reads(new URL('https://images.example.com/a'))).toBe(false);
    expect(mediaOf({ allowHosts: ['wiki.local'] }).reads(new URL('https://wiki.local/a'))).toBe(false);
    expect(mediaOf({ allowHosts: ['10.0.0.1'] }).reads(new URL('https://10.0.0.1/a'))).toBe(false);
  });

  it('puts the bytes and their true type in place of the URL', async () => {
    const one = partOf('/a.png?b=c');
    const other = partOf('/b', 'eu.cdn.example.com');
    const clock = new ManualClock();
    await mediaOf({}, {}, clock).read([one, other], never());
    expect(clock.armed).toBe(0);
    for (const { part } of [one, other])
      expect(part).toEqual({ inlineData: { mimeType: 'image/gif', data: PIXEL.toString('base64') } });
    expect(asked.toSorted()).toEqual(['eu.cdn.example.com/b', 'images.example.com/a.png?b=c']);
  });

  it('asks nobody where nothing is to be read', async () => {
    const after = jest.fn<Clock['after']>();
    await mediaOf({}, {}, { ...systemClock, after }).read([], never());
    expect(after).not.toHaveBeenCalled();
  });

  it('resolves a name once, and connects to what was looked at, whatever the name is later', async () => {
    const answers = [['127.0.0.1'], ['10.0.0.1']];
    const resolve = () => Promise.resolve(answers.shift() ?? []);
    answer = (req, res) => {
      if (req.url === '/a') res.writeHead(302, { location: '/b' }).end();
      else res.writeHead(200, { 'content-type': 'image/gif' }).end(PIXEL);
    };
    const one = partOf();
    await mediaOf({}, { resolve }).read([one], never());
    expect(one.part.inlineData).toBeDefined();
    expect(answers).toEqual([['10.0.0.1']]);
  });

  it.each([
    ['private', ['10.0.0.1']],
    ['loopback', ['::1']],
    ['link-local', ['169.254.169.254']],
    ['one that is private among public ones', ['127.0.0.1', 'fd00::1']],
    ['none', []],
  ])('connects to no name whose address is %s', async (_what, addresses) => {
    const error = await failureOf(
      mediaOf({}, { resolve: () => Promise.resolve(addresses) }).read([partOf()], never()),
    );
    expect(error).toMatchObject({
      reason: 'INVALID_REQUEST',
      message: '"field/a" is not supported: its host is not public.',
    });
    expect(asked).toEqual([]);
  });

  it.each<[string, string]>([
    ['another host', 'https://elsewhere.example.com/a'],
    ['a host behind another port', 'https://images.example.com:1/a'],
    ['plain http', 'http://images.example.com/a'],
    ['this machine', 'https://127.0.0.1/a'],
    ['no URL', 'https://'],
    ['nowhere', ''],
  ])('follows no redirect to %s', async (_what, location) => {
    answer = (_req, res) => res.writeHead(302, { location }).end();
    const error = await failureOf(mediaOf({}, {}).read([partOf()], never()));
    expect(error.message).toMatch(/it leads to a host that is not read|leads on more than 3 times/);
    expect(asked.every((url) => url === 'images.example.com/a')).toBe(true);
  });

  it('follows three redirects and no more', async () => {
    answer = (req, res) => {
      const hop = Number(req.url?.slice(1));
      if (hop < 3) res.writeHead(307, { location: `/${hop + 1}` }).end();
      else res.writeHead(200, { 'content-type': 'image/gif' }).end(PIXEL);
    };
    const one = partOf('/0');
    await mediaOf().read([one], never());
    expect(one.part.inlineData).toBeDefined();
    answer = (_req, res) => res.writeHead(307, { location: '/again' }).end();
    expect((await failureOf(mediaOf().read([partOf()], never()))).message).toContain(
      'leads on more than 3 times',
    );
  });

  it.each<[string, number, Record<string, string>, Buffer, RegExp]>([
    ['is not there', 404, {}, PIXEL, /its host answered 404/],
    ['is no image', 200, { 'content-type': 'text/html' }, PIXEL, /is no image/],
    ['has no type', 200, {}, PIXEL, /is no image/],
    [
      'is compressed',
      200,
      { 'content-type': 'image/gif', 'content-encoding': 'gzip' },
      PIXEL,
      /comes compressed/,
    ],
    ['is empty', 200, { 'content-type': 'image/gif' }, Buffer.alloc(0), /is empty/],
    ['is too large', 200, { 'content-type': 'image/gif' }, Buffer.alloc(5_000), /makes more than 4000 bytes/],
  ])('refuses what %s', async (_what, status, headers, body, message) => {
    answer = (_req, res) => res.writeHead(status, headers).end(body);
    const error = await failureOf(mediaOf({ maxBytes: 4_000 }).read([partOf()], never()));
    expect(error).toMatchObject({ reason: 'INVALID_REQUEST', metadata: { field: 'field/a' } });
    expect(error.message).toMatch(message);
  });

  it('counts the bytes of all media of a request together', async () => {
    answer = (_req, res) => res.writeHead(200, { 'content-type': 'image/gif' }).end(Buffer.alloc(3_000));
    const media = mediaOf({ maxBytes: 4_000 });
    await media.read([partOf()], never());
    const error = await failureOf(media.read([partOf('/a'), partOf('/b')], never()));
    expect(error.message).toMatch(/makes more than 4000 bytes/);
  });

  it('takes files of any type where a file is asked for', async () => {
    answer = (_req, res) => res.writeHead(200, { 'content-type': 'application/pdf' }).end('%PDF');
    const file = partOf('/x', 'images.example.com', '');
    await mediaOf().read([file], never());
    expect(file.part.inlineData?.mimeType).toBe('application/pdf');
  });

  it('gives up in time, and lets the connection go', async () => {
    let closed = false;
    answer = (req) => req.socket.on('close', () => (closed = true));
    const clock = new ManualClock();
    const failing = failureOf(mediaOf({ timeoutMs: 1_000 }, {}, clock).read([partOf()], never()));
    await eventually(() => asked.length === 1);
    clock.advance(1_000);
    expect((await failing).message).toBe('"field/a" was not read in time.');
    await eventually(() => closed);
    expect(clock.armed).toBe(0);
  });

  it('waits no longer than that for a name, either', async () => {
    const clock = new ManualClock();
    const media = mediaOf(
      { timeoutMs: 1_000 },
      { resolve: () => new Promise<string[]>(() => undefined) },
      clock,
    );
    const failing = failureOf(media.read([partOf()], never()));
    clock.advance(1_000);
    expect((await failing).message).toBe('"field/a" was not read in time.');
  });

  it('lets every connection go, also from what it did not read to its end', async () => {
    const connections = () =>
      new Promise<number>((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      });
    await mediaOf().read([partOf()], never());
    await eventually(async () => (await connections()) === 0, 'the end of the connections', 1_000);
    for (const [status, headers] of [
      [200, { 'content-type': 'text/html' }],
      [302, { location: 'https://elsewhere.example.com/' }],
    ] as const) {
      answer = (_req, res) => void res.writeHead(status, headers).write('not the end');
      expect((await failureOf(mediaOf().read([partOf()], never()))).reason).toBe('INVALID_REQUEST');
      await eventually(async () => (await connections()) === 0, 'the end of the connections', 1_000);
    }
  });

  it('leaves an answer that leads on before it asks the next', async () => {
    const left = Promise.withResolvers<void>();
    answer = (req, res) => {
      if (req.url === '/a') {
        res.on('close', () => left.resolve());
        res.writeHead(302, { location: '/b' }).write('not the end');
      } else {
        void left.promise.then(() => res.writeHead(200, { 'content-type': 'image/gif' }).end(PIXEL));
      }
    };
    const one = partOf();
    await mediaOf({ timeoutMs: 2_000 }).read([one], never());
    expect(one.part.inlineData).toBeDefined();
  });

  it('ends when the caller leaves while a name is looked up, or has left before', async () => {
    const media = mediaOf({}, { resolve: () => new Promise<string[]>(() => undefined) });
    const controller = new AbortController();
    const failing = failureOf(media.read([partOf()], controller.signal));
    controller.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    expect((await failing).reason).toBe('CANCELLED');
    expect((await failureOf(media.read([partOf()], controller.signal))).reason).toBe('CANCELLED');
  });

  it('ends when the caller leaves', async () => {
    answer = () => undefined;
    const controller = new AbortController();
    const failing = failureOf(mediaOf().read([partOf()], controller.signal));
    await eventually(() => asked.length === 1);
    controller.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    expect((await failing).reason).toBe('CANCELLED');
  });

  it('says in words of its own that a host does not answer', async () => {
    const resolve = () =>
      Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND secret'), { code: 'ENOTFOUND' }));
    const error = await failureOf(mediaOf({}, { resolve }).read([partOf()], never()));
    expect(error.message).toBe('"field/a" cannot be read: its host does not answer.');
  });

  it('reads no more than a few dozen for one request', async () => {
    const many = Array.from({ length: 33 }, (_, index) => partOf(`/${index}`));
    expect((await failureOf(mediaOf().read(many, never()))).metadata.field).toBe('field/32');
    expect(asked).toEqual([]);
  });
});
