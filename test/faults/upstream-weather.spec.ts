import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import {
  answerJson,
  begin,
  fair,
  isFair,
  MAX_EVENT_BYTES,
  PlainUpstream,
  sse,
  wantsStream,
  weatherStation,
  type Weather,
  type WeatherStation,
} from './weather-station.js';

const MAX_TRIES = 3;
const GZIP = { 'content-encoding': 'gzip' };
const BOTH = [false, true] as const;
const STREAM = [true] as const;
const zipped = (res: ServerResponse): Buffer =>
  gzipSync(wantsStream(res) ? sse(answerJson('packed')) : answerJson('packed'));
const resets = (res: ServerResponse): void => void res.socket?.resetAndDestroy();

/** A kind of bad weather: in which forms of call it is met, and what the caller may be told. */
type Row = readonly [name: string, streams: readonly boolean[], reasons: readonly string[], weather: Weather];

const BEFORE_THE_FIRST_EVENT: readonly Row[] = [
  ['a reset before the headers', BOTH, ['UPSTREAM_UNAVAILABLE'], resets],
  [
    'a reset in the middle of the headers',
    BOTH,
    ['UPSTREAM_UNAVAILABLE'],
    (res) => res.socket?.write('HTTP/1.1 200 OK\r\ncontent-ty', () => resets(res)),
  ],
  ['silence', BOTH, ['UPSTREAM_UNAVAILABLE'], () => undefined],
  ['silence after the headers', BOTH, ['UPSTREAM_UNAVAILABLE'], (res) => begin(res).flushHeaders()],
  ['an answer that is no HTTP', BOTH, ['UPSTREAM_PROTOCOL'], (res) => res.socket?.end('220 smtp ready\r\n')],
  [
    'HTML with status 200',
    BOTH,
    ['UPSTREAM_PROTOCOL'],
    (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in to the network</html>'),
  ],
  [
    'HTML that says it is what was asked for',
    BOTH,
    ['UPSTREAM_PROTOCOL', 'EMPTY_RESPONSE'],
    (res) => begin(res).end('<html>Sign in to the network</html>'),
  ],
  [
    'an event that is no JSON',
    STREAM,
    ['UPSTREAM_PROTOCOL'],
    (res) => begin(res).end(sse('{"candidates": [')),
  ],
  [
    'an event that is larger than allowed',
    STREAM,
    ['UPSTREAM_PROTOCOL'],
    (res) => begin(res).end(sse(answerJson('x'.repeat(MAX_EVENT_BYTES)))),
  ],
  [
    'a line that never ends',
    STREAM,
    ['UPSTREAM_PROTOCOL'],
    (res) => begin(res).write(`data: ${'x'.repeat(MAX_EVENT_BYTES + 1)}`),
  ],
  ['gzip that nobody asked for', BOTH, ['UPSTREAM_PROTOCOL'], (res) => begin(res, GZIP).end(zipped(res))],
  [
    'gzip that is cut',
    BOTH,
    ['UPSTREAM_PROTOCOL', 'UPSTREAM_UNAVAILABLE'],
    (res) => begin(res, GZIP).end(zipped(res).subarray(0, 60)),
  ],
  [
    'fewer bytes than announced',
    BOTH,
    ['UPSTREAM_UNAVAILABLE'],
    (res) => begin(res, { 'content-length': '5000' }).write('{', () => res.socket?.end()),
  ],
];

/** The first event, then something else. */
const afterOne =
  (then: (res: ServerResponse) => void): Weather =>
  (res) =>
    begin(res).write(sse(answerJson('first', false)), () => setTimeout(then, 20, res));

const AFTER_THE_FIRST_EVENT: readonly (readonly [string, string, Weather])[] = [
  ['a reset', 'UPSTREAM_UNAVAILABLE', afterOne(resets)],
  ['an end without a finish', 'UPSTREAM_PROTOCOL', afterOne((res) => res.end())],
  ['an end of the connection', 'UPSTREAM_UNAVAILABLE', afterOne((res) => res.socket?.end())],
  ['silence', 'UPSTREAM_UNAVAILABLE', afterOne(() => undefined)],
  ['an event that is no JSON', 'UPSTREAM_PROTOCOL', afterOne((res) => res.end(sse('{"candi')))],
  [
    'a line that is too long',
    'UPSTREAM_PROTOCOL',
    afterOne((res) => res.write(`data: ${'x'.repeat(MAX_EVENT_BYTES)}`)),
  ],
  ['HTML', 'UPSTREAM_PROTOCOL', afterOne((res) => res.end(sse('<html>502</html>')))],
];

describe('bad weather at the upstream', () => {
  let upstream: PlainUpstream;
  let station: WeatherStation;
  beforeAll(async () => {
    upstream = await PlainUpstream.start();
    station = await weatherStation(upstream.url);
  });
  afterAll(async () => {
    const startedMs = performance.now();
    await station.close();
    await upstream.close();
    // A call that is still open would hold the stop up.
    expect(performance.now() - startedMs).toBeLessThan(2_500);
  });

  /** Makes a call in that weather, then others in fair weather until one is answered. */
  async function callIn(weather: Weather, stream: boolean) {
    const before = upstream.calls;
    upstream.weather = weather;
    const seen = await station.ask(stream);
    const calls = upstream.calls - before;
    upstream.weather = fair;
    await eventually(async () => isFair(await station.ask(stream)), 'an answer in fair weather');
    await upstream.letGo();
    return { seen, calls };
  }

  describe.each(BEFORE_THE_FIRST_EVENT)('%s', (_name, streams, reasons, weather) => {
    it.each(streams)('is one typed error, and is over with the weather (stream: %s)', async (stream) => {
      const { seen, calls } = await callIn(weather, stream);
      expect(seen.malformed).toBeUndefined();
      expect(reasons).toContain(seen.reason);
      expect(seen.text).toBe('');
      expect(calls).toBeGreaterThanOrEqual(1);
      expect(calls).toBeLessThanOrEqual(MAX_TRIES);
    });
  });

  describe.each(AFTER_THE_FIRST_EVENT)('after the first event, %s', (_name, reason, weather) => {
    it('ends the answer with an error, and nothing is tried again', async () => {
      const { seen, calls } = await callIn(weather, true);
      expect(seen).toMatchObject({ text: 'first', reason });
      expect(seen.malformed).toBeUndefined();
      expect(calls).toBe(1);
    });
  });

  it('an event of 5 MB is an answer', async () => {
    const { seen } = await callIn((res) => begin(res).end(sse(answerJson('x'.repeat(5_000_000)))), true);
    expect(seen.reason).toBeUndefined();
    expect(seen.text).toHaveLength(5_000_000);
  });

  it('lines that are none of the format are passed over', async () => {
    const noise = '\u0000\u0007 what is this\r\ndat: x\r\n:\r\nretry: soon\r\n\r\n';
    const { seen } = await callIn((res) => begin(res).end(noise + sse(answerJson('in the noise'))), true);
    expect(seen).toMatchObject({ text: 'in the noise' });
    expect(seen.reason).toBeUndefined();
  });
});
