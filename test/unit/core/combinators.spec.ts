import { describe, expect, it, jest } from '@jest/globals';
import { collect, judged, primed, settled } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../src/core/generation.js';
import type { Outcome } from '../../../src/core/outcome.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import { chunkFixture, finishFixture, generationOf, HANG, usageFixture } from '../../helpers/calls.js';

const broken = new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.');
const cancelled = new GatewayError('CANCELLED', 'The caller left.');
const first = chunkFixture('a', usageFixture(3, 1));
const second = chunkFixture('b');
const finish = finishFixture({ usage: usageFixture(3, 2) });

const iteratorOf = (generation: Generation): AsyncIterator<GenerationEvent, void> =>
  generation.events[Symbol.asyncIterator]();

async function drain(generation: Generation): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of generation.events) events.push(event);
  return events;
}

function watched(generation: Generation) {
  const onOutcome = jest.fn<(outcome: Outcome) => void>();
  return { onOutcome, generation: settled(generation, onOutcome) };
}

describe('settled', () => {
  it('passes head and events on and reports the finish once, when it passes', async () => {
    const source = generationOf([first, second, finish], { head: { attempts: 2 } });
    const { onOutcome, generation } = watched(source);
    expect(generation.head).toBe(source.head);
    const events = iteratorOf(generation);
    await events.next();
    await events.next();
    expect(onOutcome).not.toHaveBeenCalled();
    expect(await events.next()).toEqual({ done: false, value: finish });
    expect(onOutcome).toHaveBeenCalledWith({ kind: 'completed', finish, usage: finish.usage });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await events.return?.();
    expect(onOutcome).toHaveBeenCalledTimes(1);
  });

  it('reports the finish without the document of the answer, and passes both on', async () => {
    const held = {
      ...finish,
      structured: { valid: true, repaired: false, reasked: false, relaxed: [], value: 'said' },
    };
    const { onOutcome, generation } = watched(generationOf([held]));
    expect(await drain(generation)).toEqual([held]);
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'completed', finish, usage: finish.usage }]]);
  });

  it('reports a failure before the first chunk, with nothing used', async () => {
    const { onOutcome, generation } = watched(generationOf(broken));
    await expect(drain(generation)).rejects.toBe(broken);
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'failed', error: broken, usage: NO_USAGE }]]);
  });

  it('reports a failure after chunks with the last usage that was seen', async () => {
    const { onOutcome, generation } = watched(generationOf([first, second, broken]));
    await expect(drain(generation)).rejects.toBe(broken);
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'failed', error: broken, usage: first.usage }]]);
  });

  it('prefers the usage that the failure itself brings', async () => {
    const costly = broken.withUsage(usageFixture(9, 9));
    const { onOutcome, generation } = watched(generationOf([first, costly]));
    await expect(drain(generation)).rejects.toBe(costly);
    expect(onOutcome).toHaveBeenCalledWith({ kind: 'failed', error: costly, usage: usageFixture(9, 9) });
  });

  it('is over after a failure: done, and nothing reported again', async () => {
    const { onOutcome, generation } = watched(generationOf([broken, first]));
    const events = iteratorOf(generation);
    await expect(events.next()).rejects.toBe(broken);
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(onOutcome).toHaveBeenCalledTimes(1);
  });

  it('counts a CANCELLED failure as abandoned, and still passes it on', async () => {
    const { onOutcome, generation } = watched(generationOf([first, cancelled]));
    await expect(drain(generation)).rejects.toBe(cancelled);
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'abandoned', usage: first.usage }]]);
  });

  it('turns what else is thrown into an INTERNAL failure', async () => {
    const { onOutcome, generation } = watched(generationOf(new TypeError('a bug')));
    await expect(drain(generation)).rejects.toMatchObject({ reason: 'INTERNAL' });
    expect(onOutcome).toHaveBeenCalledWith(expect.objectContaining({ kind: 'failed' }));
  });

  it('fails with UPSTREAM_PROTOCOL when the source ends without a finish', async () => {
    const { onOutcome, generation } = watched(generationOf([first]));
    await expect(drain(generation)).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
    expect(onOutcome.mock.calls).toEqual([
      [{ kind: 'failed', error: expect.any(GatewayError), usage: first.usage }],
    ]);
  });

  it('reports an abandonment when left before the first event, and returns the source', async () => {
    const source = generationOf([first, finish]);
    const { onOutcome, generation } = watched(source);
    const events = iteratorOf(generation);
    await events.return?.();
    await events.return?.();
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'abandoned', usage: NO_USAGE }]]);
    expect(source.source).toMatchObject({ nexts: 0, returns: 1 });
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('reports an abandonment when left mid-way, with the usage seen', async () => {
    const source = generationOf([first, second, finish]);
    const { onOutcome, generation } = watched(source);
    for await (const _ of generation.events) break;
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'abandoned', usage: first.usage }]]);
    expect(source.source.returns).toBe(1);
  });

  it('reports an abandonment at once when left while an event is awaited', async () => {
    const source = generationOf([first, HANG]);
    const { onOutcome, generation } = watched(source);
    const events = iteratorOf(generation);
    await events.next();
    const pending = events.next();
    const left = events.return?.();
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'abandoned', usage: first.usage }]]);
    await left;
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(source.source.returns).toBe(1);
    expect(onOutcome).toHaveBeenCalledTimes(1);
  });

  it('stays abandoned when the awaited event fails after all', async () => {
    const awaited = Promise.withResolvers<IteratorResult<GenerationEvent, void>>();
    const iterator = { next: () => awaited.promise };
    const { head } = generationOf([]);
    const { onOutcome, generation } = watched({ head, events: { [Symbol.asyncIterator]: () => iterator } });
    const events = iteratorOf(generation);
    const pending = events.next();
    await events.return?.();
    awaited.reject(broken);
    await expect(pending).rejects.toBe(broken);
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'abandoned', usage: NO_USAGE }]]);
  });

  it.each([
    ['a failure', [finish, broken, first]],
    ['its end', [finish, undefined, first]],
  ])('stays ended after %s, whatever its source does', async (_, steps) => {
    const iterator = {
      next: async (): Promise<IteratorResult<GenerationEvent, void>> => {
        const step = steps.shift();
        if (step instanceof Error) throw step;
        return step === undefined ? { done: true, value: step } : { done: false, value: step };
      },
    };
    const { head } = generationOf([]);
    const { generation } = watched({ head, events: { [Symbol.asyncIterator]: () => iterator } });
    const events = iteratorOf(generation);
    await events.next();
    await events.next().catch(() => undefined);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('does not report an abandonment once the finish has passed', async () => {
    const source = generationOf([finish]);
    const { onOutcome, generation } = watched(source);
    for await (const _ of generation.events) break;
    expect(onOutcome.mock.calls).toEqual([[{ kind: 'completed', finish, usage: finish.usage }]]);
    expect(source.source.returns).toBe(1);
  });
});

describe('primed', () => {
  it('waits for the first event and delivers it first, then the rest', async () => {
    const source = generationOf([first, second, finish]);
    const generation = await primed(source);
    expect(source.source.nexts).toBe(1);
    expect(generation.head).toBe(source.head);
    expect(await drain(generation)).toEqual([first, second, finish]);
  });

  it('rejects when the source fails before its first event', async () => {
    await expect(primed(generationOf(broken))).rejects.toBe(broken);
  });

  it('rejects with UPSTREAM_PROTOCOL when the source ends before its first event', async () => {
    await expect(primed(generationOf([]))).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
  });

  it('passes a later failure on to whoever reads', async () => {
    const generation = await primed(generationOf([first, broken]));
    const events = iteratorOf(generation);
    expect(await events.next()).toEqual({ done: false, value: first });
    await expect(events.next()).rejects.toBe(broken);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('returns the source when left before anything was read, and delivers nothing more', async () => {
    const source = generationOf([first, finish]);
    const events = iteratorOf(await primed(source));
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(source.source.returns).toBe(1);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('returns the source when left while a later event is awaited', async () => {
    const source = generationOf([first, HANG]);
    const events = iteratorOf(await primed(source));
    await events.next();
    const pending = events.next();
    await events.return?.();
    expect(source.source.returns).toBe(1);
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});

describe('judged', () => {
  const lenient = { chunk: () => undefined, finish: (end: typeof finish) => Promise.resolve(end) };

  it('passes head and chunks on, and the finish as the judge made it', async () => {
    const source = generationOf([first, second, finish], { head: { attempts: 2 } });
    const end = finishFixture({ finishReason: 'JUDGED' });
    const generation = judged(source, { ...lenient, finish: () => Promise.resolve(end) });
    expect(generation.head).toBe(source.head);
    expect(await drain(generation)).toEqual([first, second, end]);
  });

  it('ends with what the judge throws, lets the source go, and passes nothing on after that', async () => {
    const refusal = new GatewayError('SCHEMA_MISMATCH', 'Wrong.');
    const source = generationOf([first, second, finish]);
    const seen: unknown[] = [];
    const generation = judged(source, {
      ...lenient,
      chunk: (chunk) => {
        seen.push(chunk);
        if (chunk === second) throw refusal;
      },
    });
    const events = iteratorOf(generation);
    expect(await events.next()).toEqual({ done: false, value: first });
    await expect(events.next()).rejects.toBe(refusal);
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect([seen, source.source]).toEqual([[first, second], { nexts: 2, returns: 1 }]);
  });

  it('ends with what the judge of the finish rejects with', async () => {
    const generation = judged(generationOf([first, finish]), {
      ...lenient,
      finish: () => Promise.reject(broken),
    });
    await expect(drain(generation)).rejects.toBe(broken);
  });

  it('passes failures of the source on, and a caller’s leaving down to it', async () => {
    await expect(drain(judged(generationOf([first, broken]), lenient))).rejects.toBe(broken);
    const source = generationOf([first, HANG]);
    const events = iteratorOf(judged(source, lenient));
    await events.next();
    await events.return?.();
    expect(source.source.returns).toBe(1);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });
});

describe('collect', () => {
  it('gives the chunks in order and the finish', async () => {
    expect(await collect(generationOf([first, second, finish]))).toEqual({ chunks: [first, second], finish });
  });

  it('rejects with the failure that ended the answer', async () => {
    await expect(collect(generationOf([first, broken]))).rejects.toBe(broken);
  });

  it('rejects with UPSTREAM_PROTOCOL when there is no finish', async () => {
    await expect(collect(generationOf([first]))).rejects.toMatchObject({ reason: 'UPSTREAM_PROTOCOL' });
  });

  it('lets the source go after the finish', async () => {
    const source = generationOf([finish]);
    await collect(source);
    expect(source.source.returns).toBe(1);
  });
});
