import { getEventListeners } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { takeEnvironment } from '../../../../src/config/environment.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { eventually } from '../../../helpers/eventually.js';
import { startUpstream, type ReceivedRequest } from '../../../helpers/http-upstream.js';
import { ANSWER, geminiAt, sendJson } from './wire.js';
import { recorded } from './fixtures.js';

const open: { close(): Promise<void> }[] = [];
const environment = { ...process.env };
afterEach(async () => {
  process.env = { ...environment };
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function before(answer: (res: ServerResponse, req: IncomingMessage) => void) {
  const upstream = await startUpstream(answer);
  const provider = geminiAt(upstream.url);
  open.push(upstream, provider);
  return { upstream, provider };
}

/** Answers a stream of these texts, as the upstream would. */
function sendEvents(res: ServerResponse, body: string): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
}

const HOSTILE = {
  GOOGLE_API_KEY: 'wrong-key-1',
  GEMINI_API_KEY: 'wrong-key-2',
  GOOGLE_GENAI_USE_VERTEXAI: 'true',
  GOOGLE_GENAI_USE_ENTERPRISE: 'true',
  GOOGLE_GENAI_API_VERSION: 'v1',
  GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9',
  GOOGLE_VERTEX_BASE_URL: 'http://127.0.0.1:9',
  GOOGLE_CLOUD_PROJECT: 'elsewhere',
  GOOGLE_CLOUD_LOCATION: 'nowhere',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=wrong',
};

describe('a look at the models', () => {
  it('asks v1beta for one with the given key, once, and names no deadline', async () => {
    const { upstream, provider } = await before((res) => sendJson(res, { models: [] }));
    expect(await provider.probe(new AbortController().signal)).toEqual({ ok: true });
    expect(upstream.requests).toHaveLength(1);
    const [{ method, url, headers }] = upstream.requests as [ReceivedRequest];
    expect([method, url]).toEqual(['GET', '/v1beta/models?pageSize=1']);
    expect(headers).toMatchObject({ 'x-goog-api-key': 'key-1' });
    expect(headers['authorization']).toBeUndefined();
    expect(headers['x-server-timeout']).toBeUndefined();
  });

  it('tries nothing again', async () => {
    const { upstream, provider } = await before((res) => sendJson(res, recorded('overloaded.json'), 503));
    expect(await provider.probe(new AbortController().signal)).toEqual({
      ok: false,
      detail: 'UPSTREAM_OVERLOADED: The model is overloaded.',
    });
    expect(upstream.requests).toHaveLength(1);
  });

  it('takes a page that is no listing for no upstream', async () => {
    const { provider } = await before((res) => res.end('<html>Sign in</html>'));
    expect(await provider.probe(new AbortController().signal)).toEqual({
      ok: false,
      detail: expect.stringMatching(/^UPSTREAM_PROTOCOL: /),
    });
  });

  it('says that nothing came in time', async () => {
    const { provider } = await before(() => undefined);
    expect(await provider.probe(AbortSignal.timeout(20))).toEqual({
      ok: false,
      detail: 'UPSTREAM_UNAVAILABLE: The upstream did not answer in time.',
    });
  });
});

describe('Google’s libraries', () => {
  it('are no part of the start: the client is not used, the others are loaded when they are first used', () => {
    const root = join(import.meta.dirname, '../../../../src');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const client = /from '@google\/genai'|import\('@google\/genai'\)/;
    const eager = /^(?:import|export) (?!type )[^;]*from '(?:google-auth-library|@google-cloud\/[^']+)'/m;
    const offenders = files.filter((name) => {
      const text = readFileSync(join(root, name), 'utf8');
      return client.test(text) || eager.test(text);
    });
    expect(files.length).toBeGreaterThan(50);
    expect(offenders).toEqual([]);
  });
});

describe('takeEnvironment', () => {
  it('takes away what libraries would read, and keeps it in the copy', () => {
    Object.assign(process.env, HOSTILE);
    const taken = takeEnvironment();
    expect(taken).toMatchObject(HOSTILE);
    const left = Object.keys(HOSTILE).filter((name) => name in process.env);
    // Names of the place are read for Vertex only, and never where the backend is given.
    expect(left).toEqual(['GOOGLE_CLOUD_PROJECT', 'GOOGLE_CLOUD_LOCATION']);
    expect(process.env['PATH']).toBe(environment['PATH']);
  });
});

describe('a generation over the wire', () => {
  it('makes one upstream call even when the model has more to say', async () => {
    const part = {
      ...ANSWER,
      candidates: [{ ...ANSWER.candidates[0], finishReason: 'CONTINUATION', continuationToken: 't' }],
    };
    const { upstream, provider } = await before((res, req) =>
      req.url?.includes('alt=sse')
        ? sendEvents(res, `data: ${JSON.stringify(part)}\r\n\r\n`)
        : sendJson(res, part),
    );
    for (const stream of [false, true]) {
      const events = await eventsFrom(provider.generate(attemptFixture({ stream })));
      expect(events.at(-1)).toMatchObject({ verdict: 'truncated', finishReason: 'CONTINUATION' });
      expect(events[0]).toMatchObject({ value: part });
    }
    expect(upstream.requests).toHaveLength(2);
  });

  it.each([429, 500, 503, 504])('is made once when Google answers %i', async (status) => {
    const { upstream, provider } = await before((res) => sendJson(res, '{}', status));
    for (const stream of [false, true])
      await expect(provider.generate(attemptFixture({ stream }))).rejects.toMatchObject({ retryable: true });
    expect(upstream.requests).toHaveLength(2);
  });

  it('is made once when the connection is reset', async () => {
    let calls = 0;
    const { provider } = await before((res) => {
      calls += 1;
      res.destroy();
    });
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
    });
    expect(calls).toBe(1);
  });

  it('leaves no listener on a signal that a thousand calls share', async () => {
    const { provider } = await before((res, req) =>
      req.url?.includes('alt=sse')
        ? sendEvents(res, `data: ${JSON.stringify(ANSWER)}\r\n\r\n`)
        : sendJson(res, ANSWER),
    );
    const { signal } = new AbortController();
    for (let at = 0; at < 200; at += 1) {
      const attempts = [0, 1, 2, 3, 4].map((one) =>
        eventsFrom(provider.generate(attemptFixture({ signal, stream: one % 2 === 0 }))),
      );
      await Promise.all(attempts);
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('leaves no listener after failures, nor when it was left early', async () => {
    const { provider } = await before((res, req) => {
      if (!req.url?.includes('alt=sse')) sendJson(res, '{}', 500);
      else res.writeHead(200).write(`data: ${JSON.stringify(ANSWER)}\r\n\r\n`);
    });
    const { signal } = new AbortController();
    await expect(provider.generate(attemptFixture({ signal }))).rejects.toThrow();
    for await (const _ of await provider.generate(attemptFixture({ signal, stream: true }))) break;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('keeps fields that nobody knows, of the response and of its candidates', async () => {
    const odd = {
      ...ANSWER,
      turnToken: 't',
      candidates: [
        { ...ANSWER.candidates[0], score: -1.5, citationMetadata: { citationSources: [{ uri: 'u' }] } },
      ],
    };
    const { provider } = await before((res, req) =>
      req.url?.includes('alt=sse')
        ? sendEvents(res, `data: ${JSON.stringify(odd)}\r\n\r\n`)
        : sendJson(res, odd),
    );
    for (const stream of [false, true]) {
      const [chunk] = await eventsFrom(provider.generate(attemptFixture({ stream })));
      expect(chunk).toMatchObject({ value: odd, text: JSON.stringify(odd) });
    }
  });

  it('cancels the body when its reader stops', async () => {
    let closed = false;
    const { provider } = await before((res) => {
      res.on('close', () => (closed = true));
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(`data: ${JSON.stringify(ANSWER)}\r\n\r\n`);
    });
    for await (const _ of await provider.generate(attemptFixture({ stream: true }))) break;
    await eventually(() => closed);
  });

  it('loses no event behind `event:` and `id:` lines or comments', async () => {
    const one = JSON.stringify(ANSWER);
    const { provider } = await before((res) =>
      sendEvents(res, `event: message\r\ndata: ${one}\r\n\r\n: note\r\nid: 4\r\ndata: ${one}\r\n\r\n`),
    );
    const events = await eventsFrom(provider.generate(attemptFixture({ stream: true })));
    expect(events.map(({ type }) => type)).toEqual(['chunk', 'chunk', 'finish']);
  });

  it('takes `[DONE]` at the end for what it is', async () => {
    const { provider } = await before((res) =>
      sendEvents(res, `data: ${JSON.stringify(ANSWER)}\r\n\r\ndata: [DONE]\r\n\r\n`),
    );
    const events = await eventsFrom(provider.generate(attemptFixture({ stream: true })));
    expect(events.map(({ type }) => type)).toEqual(['chunk', 'finish']);
  });

  it('tells Google no deadline, however short its own', async () => {
    const { upstream, provider } = await before((res) => sendJson(res, ANSWER));
    const timeouts = { firstEventMs: 2_000, idleGapMs: 2_000, totalMs: 2_000 };
    await eventsFrom(provider.generate(attemptFixture({ timeouts })));
    expect(upstream.requests[0]?.headers['x-server-timeout']).toBeUndefined();
  });
});
