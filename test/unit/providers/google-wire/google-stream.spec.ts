import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { GenerationEvent } from '../../../../src/core/generation.js';
import { AnswerReader } from '../../../../src/providers/google-wire/answer-reader.js';
import { SseEvents } from '../../../../src/providers/http/sse-events.js';
import type { UpstreamResponse } from '../../../../src/providers/http/upstream-http.js';
import { Watchdog } from '../../../../src/providers/http/watchdog.js';
import { ManualClock } from '../../../helpers/manual-clock.js';
import { recorded } from './fixtures.js';

const TIMEOUTS = { firstEventMs: 100, idleGapMs: 50, totalMs: 1_000 };

function open(body: Readable = new PassThrough()) {
  const abort = new AbortController();
  const clock = new ManualClock();
  const watchdog = new Watchdog(abort.signal, TIMEOUTS, clock);
  watchdog.signal.addEventListener('abort', () => body.destroy(new Error('aborted')));
  const response = { status: 200, headers: {}, body } as UpstreamResponse;
  const events = new SseEvents(response, watchdog, new AnswerReader(), 1_048_576);
  return { body: body as PassThrough, abort, clock, watchdog, events };
}

const message = (text: string, more: object = {}) =>
  JSON.stringify({ candidates: [{ content: { parts: [{ text }] } }], ...more });
const sse = (...texts: string[]) => texts.map((text) => `data: ${text}\r\n\r\n`).join('');
const STOP = JSON.stringify({ candidates: [{ finishReason: 'STOP' }] });

/** All events, and what the stream failed with. */
async function drained(events: AsyncIterable<GenerationEvent>) {
  const seen: GenerationEvent[] = [];
  try {
    for await (const event of events) seen.push(event);
    return { seen };
  } catch (failure) {
    return { seen, failure };
  }
}

const textsOf = (seen: readonly GenerationEvent[]) =>
  seen.flatMap((event) => (event.type === 'chunk' ? [event.text] : []));

describe('a stream of Google’s', () => {
  it('gives the same from bytes cut at any boundary, and leaves nothing armed', async () => {
    const texts = [message('Grüße, 東京 👩‍👩‍👧'), message('\\n{ "x"', { unknown: true }), STOP];
    const bytes = Buffer.from(`event: message\r\nid: 1\r\n${sse(...texts)}`);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: bytes.length }), async (size) => {
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        const { events, clock } = open(Readable.from(pieces, { objectMode: false }));
        const { seen, failure } = await drained(events);
        expect(failure).toBeUndefined();
        expect(textsOf(seen)).toEqual(texts);
        expect(seen.at(-1)).toMatchObject({ type: 'finish', verdict: 'ok' });
        expect(clock.armed).toBe(0);
      }),
      { numRuns: 60, examples: [[1]] },
    );
  });

  it.each([
    ['stream-raw-error.txt', 'UPSTREAM_UNAVAILABLE', 499],
    ['stream-error-event.txt', 'UPSTREAM_OVERLOADED', 503],
  ])(
    'reports the error within %s after what came before it, with the tokens seen',
    async (name, reason, status) => {
      const bytes = Buffer.from(recorded(name));
      for (const size of [1, 7, 64, bytes.length]) {
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        const { events, watchdog } = open(Readable.from(pieces, { objectMode: false }));
        const { seen, failure } = await drained(events);
        expect(seen).toEqual([expect.objectContaining({ type: 'chunk' })]);
        expect(failure).toMatchObject({
          reason,
          metadata: { upstreamStatus: status },
          usage: { inputTokens: 4, outputTokens: 2 },
        });
        expect(watchdog.signal.aborted).toBe(true);
      }
    },
  );

  it('delivers what came before a failure first, fails once, then is over', async () => {
    const { body, events } = open();
    body.write(sse(message('a'), message('b'), 'no JSON', message('c')));
    expect(await events.next()).toMatchObject({ value: { text: message('a') } });
    expect(await events.next()).toMatchObject({ value: { text: message('b') } });
    await expect(events.next()).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(body.destroyed).toBe(true);
  });

  it('fails for what stands in the stream and is no error either', async () => {
    const { body, events } = open();
    body.end(`${sse(message('a'))}[1, 2]`);
    expect((await drained(events)).failure).toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
  });

  it('fails for a stream that ends without a finish, with the tokens seen', async () => {
    const { body, events, clock } = open();
    body.end(sse(message('a', { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 1 } })));
    const { seen, failure } = await drained(events);
    expect(seen).toHaveLength(1);
    expect(failure).toMatchObject({ reason: 'UPSTREAM_PROTOCOL', usage: { totalTokens: 5 } });
    expect(clock.armed).toBe(0);
  });

  it('fails for an empty stream', async () => {
    const { body, events } = open();
    body.end();
    await expect(events.next()).rejects.toMatchObject({ reason: 'EMPTY_RESPONSE' });
  });

  it('fails for an event beyond the bound', async () => {
    const { body, events } = open();
    body.write(`data: ${'x'.repeat(1_100_000)}`);
    await expect(events.next()).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
    expect(body.destroyed).toBe(true);
  });

  it('reads no more than is asked for: a slow reader holds one transport buffer', async () => {
    let produced = 0;
    const source = new Readable({
      highWaterMark: 16_384,
      read() {
        produced += 1;
        this.push(sse(message('x'.repeat(8_000))));
      },
    });
    const { events } = open(source);
    await events.next();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    const afterOne = produced;
    expect(afterOne).toBeLessThan(8);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(produced).toBe(afterOne);
    await events.return();
    expect(source.destroyed).toBe(true);
  });

  it('cancels when left while an event is awaited, and the pending read ends quietly', async () => {
    const { body, events, clock, watchdog } = open();
    const pending = events.next();
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(body.destroyed).toBe(true);
    expect(watchdog.signal.aborted).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('delivers nothing of what was read ahead once it was left', async () => {
    const { body, events } = open();
    body.write(sse(message('a'), message('b')));
    await events.next();
    await events.return();
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('does not cancel an answer that has ended', async () => {
    const { body, events, watchdog } = open();
    body.end(sse(message('a'), STOP));
    await drained(events);
    await events.return();
    expect(watchdog.signal.aborted).toBe(false);
  });

  it('fails with CANCELLED when the caller aborts', async () => {
    const { events, abort, clock } = open();
    const pending = events.next();
    abort.abort();
    await expect(pending).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(clock.armed).toBe(0);
  });

  it('fails when the upstream falls silent, counting from the last event', async () => {
    const { body, events, clock } = open();
    clock.advance(90);
    body.write(sse(message('a')));
    await events.next();
    clock.advance(40);
    body.write(sse(message('b')));
    await events.next();
    const silent = events.next();
    clock.advance(49);
    clock.advance(1);
    await expect(silent).rejects.toMatchObject({ metadata: { timeout: 'idle_gap' } });
  });

  it('fails when the connection breaks', async () => {
    const { body, events } = open();
    const pending = events.next();
    body.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await expect(pending).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { upstreamReason: 'ECONNRESET' },
    });
  });

  it('holds back what says nothing until the answer begins, so that an empty one can fail over', async () => {
    const counts = JSON.stringify({ usageMetadata: { promptTokenCount: 7, totalTokenCount: 7 } });
    const empty = open(Readable.from([Buffer.from(sse(counts))], { objectMode: false }));
    const { seen, failure } = await drained(empty.events);
    expect(seen).toEqual([]);
    expect(failure).toMatchObject({ reason: 'EMPTY_RESPONSE', usage: { inputTokens: 7 } });
    const late = open(
      Readable.from([Buffer.from(sse(counts, message('late'), STOP))], { objectMode: false }),
    );
    expect(textsOf((await drained(late.events)).seen)).toEqual([counts, message('late'), STOP]);
  });
});
