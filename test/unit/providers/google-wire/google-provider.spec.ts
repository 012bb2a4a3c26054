import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Attempt } from '../../../../src/core/provider.js';
import type { GoogleProvider } from '../../../../src/providers/google-wire/google-provider.js';
import { attemptFixture, eventsFrom } from '../../../helpers/attempts.js';
import { eventually } from '../../../helpers/eventually.js';
import { startUpstream, type HttpUpstream } from '../../../helpers/http-upstream.js';
import { ANSWER, geminiAt, sendJson } from './wire.js';
import { recorded } from './fixtures.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

/** A provider before an upstream that answers so. */
async function before(
  answer: (res: ServerResponse, req: IncomingMessage) => void,
): Promise<{ upstream: HttpUpstream; provider: GoogleProvider }> {
  const upstream = await startUpstream(answer);
  const provider = geminiAt(upstream.url);
  open.push(upstream, provider);
  return { upstream, provider };
}

const SSE = { 'content-type': 'text/event-stream' };

describe('GoogleProvider', () => {
  it('sends the caller’s very text, and gives back the upstream’s very text', async () => {
    const requestText = '{ "contents": [{"parts":[{"text":"é","unknownPart":1.0}]}], "unknown": [1e2] }';
    const answer = ` ${JSON.stringify({ ...ANSWER, unknown: { deep: [1] } }, null, 2)}\n`;
    const { upstream, provider } = await before((res) => sendJson(res, answer));
    const request = JSON.parse(requestText) as Attempt['request'];
    const events = await eventsFrom(provider.generate(attemptFixture({ request, requestText })));
    expect(upstream.requests[0]?.body).toBe(requestText);
    expect(events[0]).toMatchObject({ type: 'chunk', text: answer, value: { unknown: { deep: [1] } } });
    expect(events[1]).toMatchObject({ type: 'finish', verdict: 'ok', modelVersion: 'some-model' });
  });

  it('streams texts through as they came', async () => {
    const texts = [JSON.stringify({ ...ANSWER, unknown: 1 }), '{"candidates":[{"finishReason":"STOP"}] }'];
    const { upstream, provider } = await before((res) => {
      res.writeHead(200, SSE);
      res.end(texts.map((text) => `data: ${text}\r\n\r\n`).join(''));
    });
    const events = await eventsFrom(provider.generate(attemptFixture({ stream: true })));
    expect(events.map((event) => (event.type === 'chunk' ? event.text : 'end'))).toEqual([...texts, 'end']);
    expect(upstream.requests[0]?.url).toBe('/v1beta/models/some-model:streamGenerateContent?alt=sse');
  });

  it.each([
    ['before the headers', () => undefined],
    [
      'before the first event',
      (res: ServerResponse) => {
        res.writeHead(200, SSE);
        res.flushHeaders();
      },
    ],
    [
      'within the stream',
      (res: ServerResponse) => {
        res.writeHead(200, SSE);
        res.write(`data: ${JSON.stringify(ANSWER)}\r\n\r\n`);
      },
    ],
  ])('aborts the upstream within 100 ms when the caller leaves %s', async (_, answer) => {
    let arrived = false;
    let closedMs: number | undefined;
    const { provider } = await before((res) => {
      arrived = true;
      res.on('close', () => (closedMs = performance.now()));
      answer(res);
    });
    const caller = new AbortController();
    const reading = eventsFrom(provider.generate(attemptFixture({ stream: true, signal: caller.signal })));
    const refused = expect(reading).rejects.toMatchObject({ reason: 'CANCELLED' });
    await eventually(() => arrived);
    const leftMs = performance.now();
    caller.abort();
    await refused;
    await eventually(() => closedMs !== undefined);
    expect((closedMs ?? Infinity) - leftMs).toBeLessThan(100);
  });

  it.each([
    ['the headers', () => undefined],
    [
      'the rest of the body',
      (res: ServerResponse) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.write('{"candidates":');
      },
    ],
  ])('gives a unary call its time and then aborts while it waits for %s', async (_, answer) => {
    let closed = false;
    const { provider } = await before((res) => {
      res.on('close', () => (closed = true));
      answer(res);
    });
    const timeouts = { firstEventMs: 60, idleGapMs: 10_000, totalMs: 10_000 };
    await expect(provider.generate(attemptFixture({ timeouts }))).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { timeout: 'first_event' },
    });
    await eventually(() => closed);
    const deadline = { ...timeouts, totalMs: 40 };
    await expect(provider.generate(attemptFixture({ timeouts: deadline }))).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
  });

  it('uses connections again after answers, errors and streams', async () => {
    const ports = new Set<number | undefined>();
    let turn = 0;
    const { provider } = await before((res, req) => {
      ports.add(req.socket.remotePort);
      turn += 1;
      if (turn % 3 === 0) sendJson(res, recorded('overloaded.json'), 503);
      else if (req.url?.includes('alt=sse')) res.writeHead(200, SSE).end(`data: ${JSON.stringify(ANSWER)}`);
      else sendJson(res, ANSWER);
    });
    for (let at = 0; at < 12; at += 1)
      await eventsFrom(provider.generate(attemptFixture({ stream: at % 2 === 0 }))).catch(() => undefined);
    expect(turn).toBe(12);
    expect(ports.size).toBeLessThan(6);
  });

  it('reports a refused stream by its status, whatever the content type', async () => {
    const { provider } = await before((res) => {
      res.writeHead(429, { ...SSE, 'retry-after': '80' });
      res.end(recorded('tokens-per-minute.json'));
    });
    await expect(provider.generate(attemptFixture({ stream: true }))).rejects.toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      retryAfterMs: 80_000,
    });
  });

  it('takes no page for an answer', async () => {
    const { provider } = await before((res) =>
      res.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in'),
    );
    for (const stream of [true, false])
      await expect(provider.generate(attemptFixture({ stream }))).rejects.toMatchObject({
        reason: 'UPSTREAM_PROTOCOL',
      });
  });

  it('refuses an answer beyond the bound', async () => {
    const { provider } = await before((res) => sendJson(res, `"${'x'.repeat(1_048_576)}"`));
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
  });

  it('counts what an empty unary answer used', async () => {
    const { provider } = await before((res) => sendJson(res, { usageMetadata: { promptTokenCount: 7 } }));
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'EMPTY_RESPONSE',
      usage: { inputTokens: 7 },
    });
  });

  it('gives answers of other operations whole, with what they used', async () => {
    const text = '{ "totalTokens": 5, "usageMetadata": {"promptTokenCount": 5} }';
    const { provider } = await before((res) => sendJson(res, text));
    const events = await eventsFrom(
      provider.generate(attemptFixture({ operation: 'count_tokens', stream: true })),
    );
    expect(events).toEqual([
      expect.objectContaining({ type: 'chunk', text, usage: expect.objectContaining({ inputTokens: 5 }) }),
      expect.objectContaining({ type: 'finish', verdict: 'ok', finishReason: 'STOP' }),
    ]);
  });

  it('says that an upstream cannot be reached', async () => {
    const { upstream, provider } = await before((res) => res.end());
    await upstream.close();
    open.shift();
    await expect(provider.generate(attemptFixture())).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { upstreamReason: 'ECONNREFUSED' },
    });
    expect(await provider.probe(new AbortController().signal)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('UPSTREAM_UNAVAILABLE'),
    });
  });
});
