import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { selfSigned } from './certificates.js';
import { answerJson, isFair, sse, weatherStation, type WeatherStation } from './weather-station.js';

const MAX_TRIES = 3;
const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants;
const trusted = selfSigned(1);
const expired = selfSigned(-1);
const authorities = getCACertificates('default');

beforeAll(() => setDefaultCACertificates([...authorities, trusted.cert, expired.cert]));
afterAll(() => setDefaultCACertificates(authorities));

const urlOf = (server: Server, scheme: string): string =>
  `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** An upstream of HTTP/2 that tests make go away. */
class Http2Upstream {
  /** What happens to a call to a model. */
  weather: (stream: ServerHttp2Stream, session: Http2Session) => void = fair;
  calls = 0;
  readonly sessions = new Set<Http2Session>();

  private constructor(private readonly server: Http2SecureServer) {}

  static async start(): Promise<Http2Upstream> {
    const server = createSecureServer({ key: trusted.key, cert: trusted.cert });
    const upstream = new Http2Upstream(server);
    server.on('session', (session) => {
      upstream.sessions.add(session);
      session.on('error', ignore).on('close', () => upstream.sessions.delete(session));
    });
    server.on('stream', (stream, { ':method': method }) => {
      stream.on('error', ignore);
      if (method === 'POST') upstream.calls += 1;
      const { session } = stream;
      if (session === undefined) return;
      stream.resume().once('end', () => (method === 'POST' ? upstream.weather : fair)(stream, session));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return upstream;
  }

  get url(): string {
    return urlOf(this.server, 'https');
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

// Tests break these connections on purpose.
const ignore = (): void => undefined;
const begin = (stream: ServerHttp2Stream): void =>
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
const FIRST = sse(answerJson('first, ', false));
const LAST = sse(answerJson('last'));

/** Says which call was the last that it took, and leaves. */
function goAway(session: Http2Session, lastStream: number | undefined): void {
  session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, lastStream);
  setTimeout(() => session.destroy(), 20);
}

function fair(stream: ServerHttp2Stream): void {
  begin(stream);
  stream.end(sse(answerJson('fair weather')));
}

describe('an upstream of HTTP/2 that goes away', () => {
  let upstream: Http2Upstream;
  let station: WeatherStation;
  beforeAll(async () => {
    upstream = await Http2Upstream.start();
    station = await weatherStation(upstream.url);
  });
  afterEach(async () => {
    upstream.weather = fair;
    await eventually(async () => isFair(await station.ask(true)), 'an answer in fair weather');
    await eventually(() => upstream.sessions.size <= 1, 'the end of the session that was left');
  });
  afterAll(async () => {
    await station.close();
    await upstream.close();
  });

  it('is spoken to in HTTP/2, over one session', async () => {
    expect(isFair(await station.ask(true))).toBe(true);
    expect(upstream.sessions.size).toBe(1);
  });

  it('orderly, in the middle of an answer: it is told to its end, and the next goes by a new session', async () => {
    let left: Http2Session | undefined;
    upstream.weather = (stream, session) => {
      left = session;
      begin(stream);
      stream.write(FIRST, () => {
        session.goaway(NGHTTP2_NO_ERROR, stream.id);
        setTimeout(() => stream.end(LAST), 50);
      });
    };
    expect(await station.ask(true)).toMatchObject({ text: 'first, last' });
    upstream.weather = fair;
    expect(isFair(await station.ask(true))).toBe(true);
    expect(left !== undefined && [...upstream.sessions].at(-1) !== left).toBe(true);
  });

  it('at once, in the middle of an answer: it ends in an error, and nothing is tried again', async () => {
    const before = upstream.calls;
    upstream.weather = (stream, session) => {
      begin(stream);
      stream.write(FIRST, () => goAway(session, stream.id));
    };
    const seen = await station.ask(true);
    expect(seen).toMatchObject({ text: 'first, ', reason: 'UPSTREAM_UNAVAILABLE' });
    expect(upstream.calls - before).toBe(1);
  });

  it.each<[string, number, Http2Upstream['weather']]>([
    ['after it took the call', MAX_TRIES, (stream, session) => goAway(session, stream.id)],
    // What was not processed is sent again by the transport, once, and costs nothing.
    ['having taken no call', 2 * MAX_TRIES, (_stream, session) => goAway(session, 0)],
    ['refusing the stream', 2 * MAX_TRIES, (stream) => stream.close(NGHTTP2_REFUSED_STREAM)],
  ])(
    'before the headers, %s: a typed error after no more tries than allowed',
    async (_how, tries, weather) => {
      const before = upstream.calls;
      upstream.weather = weather;
      const seen = await station.ask(true);
      expect(seen.malformed).toBeUndefined();
      expect(seen.reason).toBe('UPSTREAM_UNAVAILABLE');
      expect(upstream.calls - before).toBeLessThanOrEqual(tries);
    },
  );
});

describe('an upstream that cannot be trusted or found', () => {
  let station: WeatherStation | undefined;
  let server: Server | undefined;
  afterEach(async () => {
    await station?.close();
    server?.close();
  });

  async function refusalAt(url: string): Promise<void> {
    station = await weatherStation(url);
    for (const stream of [false, true]) {
      const seen = await station.ask(stream);
      expect(seen.malformed).toBeUndefined();
      expect(seen).toMatchObject({ text: '', reason: 'UPSTREAM_UNAVAILABLE' });
    }
  }

  it.each([
    ['has expired', expired],
    ['nobody vouches for', selfSigned(1)],
  ])(
    'because its certificate is one that %s: not a byte of a request reaches it',
    async (_what, identity) => {
      let requests = 0;
      server = createTlsServer({ key: identity.key, cert: identity.cert }, () => void (requests += 1));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      await refusalAt(urlOf(server, 'https'));
      expect(requests).toBe(0);
    },
  );

  it('because there is no such name', () => refusalAt('http://upstream.invalid'));

  it('because nothing listens', () => refusalAt('http://127.0.0.1:1'));
});
