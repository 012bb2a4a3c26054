import { PassThrough, type Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { GenerationEvent } from '../../../../src/core/generation.js';
import { type AnswerDecoder, SseEvents } from '../../../../src/providers/http/sse-events.js';
import type { UpstreamResponse } from '../../../../src/providers/http/upstream-http.js';
import { Watchdog } from '../../../../src/providers/http/watchdog.js';
import { chunkFixture, finishFixture, usageFixture } from '../../../helpers/calls.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const TIMEOUTS = { firstEventMs: 100, idleGapMs: 50, totalMs: 1_000 };

/** Makes a chunk of each message but "quiet" and "broken". */
class EchoDecoder implements AnswerDecoder {
  usage = usageFixture(0, 0);

  decode(data: string): readonly GenerationEvent[] {
    if (data === 'broken') throw new GatewayError('UPSTREAM_OVERLOADED', 'Broken.');
    if (data === 'quiet') return [];
    this.usage = usageFixture(0, this.usage.outputTokens + 1);
    return [chunkFixture(data)];
  }

  finish() {
    return finishFixture({ usage: this.usage });
  }

  strayError(text: string) {
    return new GatewayError('UPSTREAM_PROTOCOL', text);
  }
}

function open(maxEventBytes = 1_000) {
  const body = new PassThrough();
  const abort = new AbortController();
  const clock = new ManualClock();
  const watchdog = new Watchdog(abort.signal, TIMEOUTS, clock);
  watchdog.signal.addEventListener('abort', () => body.destroy(new Error('aborted')));
  const response = { status: 200, headers: {}, body: body as Readable } as UpstreamResponse;
  const events = new SseEvents(response, watchdog, new EchoDecoder(), maxEventBytes);
  return { body, abort, clock, watchdog, events };
}

const chunk = (text: string) => ({ done: false, value: chunkFixture(text) });

async function drain(events: AsyncIterable<GenerationEvent>): Promise<GenerationEvent[]> {
  const drained: GenerationEvent[] = [];
  for await (const event of events) drained.push(event);
  return drained;
}

describe('SseEvents', () => {
  it('takes no compressed body for an empty stream', () => {
    const { watchdog } = open();
    const body = new PassThrough() as Readable as UpstreamResponse['body'];
    const response = { status: 200, headers: { 'content-encoding': 'gzip' }, body };
    expect(() => new SseEvents(response, watchdog, new EchoDecoder(), 1_000)).toThrow(
      expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }),
    );
  });

  it.each([1, 2, 3, 5, 7, 64])('gives the same events from bytes cut every %i', async (size) => {
    const { body, events, clock } = open();
    const bytes = Buffer.from(
      'data: Grüß\r\n\r\n: note\n\nevent: e\ndata: dich\ndata: 👋\n\ndata: quiet\n\ndata: last',
    );
    for (let at = 0; at < bytes.length; at += size) body.write(bytes.subarray(at, at + size));
    body.end();
    expect(await drain(events)).toEqual([
      chunkFixture('Grüß'),
      chunkFixture('dich\n👋'),
      chunkFixture('last'),
      finishFixture({ usage: usageFixture(0, 3) }),
    ]);
    expect(clock.armed).toBe(0);
  });

  it('delivers what came before a failure, then fails once, with the tokens seen, and cancels', async () => {
    const { body, events, clock, watchdog } = open();
    body.write('data: a\n\ndata: broken\n\ndata: b\n\n');
    expect(await events.next()).toEqual(chunk('a'));
    await expect(events.next()).rejects.toMatchObject({
      reason: 'UPSTREAM_OVERLOADED',
      usage: usageFixture(0, 1),
    });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(watchdog.signal.aborted).toBe(true);
    expect(body.destroyed).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('reports what stands outside any event', async () => {
    const { body, events } = open();
    body.end('data: a\n\n{"error": {\n\n}}');
    expect(await events.next()).toEqual(chunk('a'));
    await expect(events.next()).rejects.toMatchObject({ message: '{"error": {\n\n}}' });
  });

  it('fails for an event beyond the bound', async () => {
    const { body, events } = open(10);
    body.write(`data: ${'x'.repeat(100)}`);
    await expect(events.next()).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
  });

  it('fails when the connection breaks', async () => {
    const { body, events, clock } = open();
    const pending = events.next();
    body.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await expect(pending).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { upstreamReason: 'ECONNRESET' },
    });
    expect(clock.armed).toBe(0);
  });

  it('fails with CANCELLED when the caller aborts', async () => {
    const { events, abort, clock } = open();
    const pending = events.next();
    abort.abort();
    await expect(pending).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(clock.armed).toBe(0);
  });

  it('fails when the upstream falls silent; messages without events count as a sign of life', async () => {
    const { body, events, clock } = open();
    const pending = events.next();
    for (let times = 0; times < 5; times += 1) {
      body.write('data: quiet\n\n');
      await turn();
      clock.advance(40);
    }
    body.write('data: a\n\n');
    expect(await pending).toEqual(chunk('a'));
    const silent = events.next();
    clock.advance(50);
    await expect(silent).rejects.toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { timeout: 'idle_gap' },
      usage: usageFixture(0, 1),
    });
  });

  it('cancels when left before the first event', async () => {
    const { body, events, clock, watchdog } = open();
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(watchdog.signal.aborted).toBe(true);
    expect(body.destroyed).toBe(true);
    expect(clock.armed).toBe(0);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('cancels when left while an event is awaited, and delivers nothing of what was read ahead', async () => {
    const { body, events } = open();
    body.write('data: a\n\ndata: b\n\n');
    expect(await events.next()).toEqual(chunk('a'));
    await events.return();
    expect(await events.next()).toEqual({ done: true, value: undefined });
    const other = open();
    const pending = other.events.next();
    await other.events.return();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(other.body.destroyed).toBe(true);
  });

  it('delivers neither a failure nor an event that came to light before or while it was left', async () => {
    const { body, events } = open();
    body.write('data: a\n\ndata: broken\n\n');
    expect(await events.next()).toEqual(chunk('a'));
    await events.return();
    expect(await events.next()).toEqual({ done: true, value: undefined });

    const late = Promise.withResolvers<IteratorResult<Buffer, void>>();
    const other = open();
    other.body.on('error', () => undefined);
    const slow = Object.assign(new PassThrough(), {
      [Symbol.asyncIterator]: () => ({ next: () => late.promise }),
    });
    const response = { status: 200, headers: {}, body: slow as Readable } as UpstreamResponse;
    const left = new SseEvents(response, other.watchdog, new EchoDecoder(), 1_000);
    const pending = left.next();
    await left.return();
    late.resolve({ done: false, value: Buffer.from('data: a\n\n') });
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  it('does not cancel an answer that has ended', async () => {
    const { body, events, watchdog } = open();
    body.end('data: a\n\n');
    await drain(events);
    await events.return();
    expect(watchdog.signal.aborted).toBe(false);
  });

  it('reads no further than it is asked to', async () => {
    const { body, events } = open();
    body.write('data: a\n\n');
    await events.next();
    for (let at = 0; at < 100; at += 1) body.write(`data: ${at}\n\n`);
    await turn();
    expect(body.readableLength).toBeGreaterThan(0);
    await events.return();
  });
});
