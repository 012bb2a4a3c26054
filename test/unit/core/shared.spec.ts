import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../src/core/generation.js';
import { shared, type KeptEvents, type SharedReader } from '../../../src/core/shared.js';
import { chunkFixture, finishFixture, generationOf, HANG } from '../../helpers/calls.js';

const KEPT: KeptEvents = { maxEvents: 100, maxBytes: 100_000 };
const DONE = { done: true, value: undefined };
const broken = new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.');
const slow = new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.');
const [a, b, c] = [chunkFixture('a'), chunkFixture('b'), chunkFixture('c')];
const finish = finishFixture();

const iteratorOf = ({ generation }: SharedReader): AsyncIterator<GenerationEvent, void> =>
  generation.events[Symbol.asyncIterator]();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads an answer to its end, or to the failure that it ends in. */
async function drain({ generation }: SharedReader): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const event of generation.events) seen.push(event);
  } catch (thrown) {
    seen.push(thrown);
  }
  return seen;
}

function sharing(generation: Generation, kept = KEPT) {
  const onClosed = jest.fn();
  const answer = shared(generation, kept, onClosed);
  const join = (): SharedReader => {
    const reader = answer.join();
    if (reader === undefined) throw new Error('too late to join');
    return reader;
  };
  return { answer, onClosed, join };
}

describe('an answer that is shared', () => {
  it('gives each reader all of it, whenever it joined', async () => {
    const source = generationOf([a, b, finish]);
    const { answer, join } = sharing(source);
    expect(answer.head).toBe(source.head);
    const early = iteratorOf(join());
    expect(await early.next()).toEqual({ done: false, value: a });
    expect(await early.next()).toEqual({ done: false, value: b });
    const late = join();
    expect(await drain(late)).toEqual([a, b, finish]);
    expect(await early.next()).toEqual({ done: false, value: finish });
    expect(await early.next()).toEqual(DONE);
    expect(source.source.nexts).toBe(4);
  });

  it('lets one event reach everybody who waits for it, and asks the source once', async () => {
    const source = generationOf([a, finish]);
    const { join } = sharing(source);
    const readers = [join(), join(), join()].map(iteratorOf);
    const steps = await Promise.all(readers.map((reader) => reader.next()));
    expect(steps).toEqual(readers.map(() => ({ done: false, value: a })));
    expect(source.source.nexts).toBe(1);
  });

  it('answers a reader that asks for several at once in order', async () => {
    const reader = iteratorOf(sharing(generationOf([a, b, finish])).join());
    const steps = [reader.next(), reader.next(), reader.next(), reader.next()];
    expect(await Promise.all(steps)).toEqual([
      ...[a, b, finish].map((value) => ({ done: false, value })),
      DONE,
    ]);
  });

  it('does not read while nobody asks', async () => {
    const source = generationOf([a, b, finish]);
    const { join } = sharing(source);
    const first = iteratorOf(join());
    join();
    await first.next();
    await turn();
    expect(source.source.nexts).toBe(1);
  });

  it('goes on when the first reader leaves, and is returned once the last has', async () => {
    const source = generationOf([a, b, HANG]);
    const { join, onClosed } = sharing(source);
    const [first, second] = [iteratorOf(join()), iteratorOf(join())];
    await first.next();
    expect(await first.return?.()).toEqual(DONE);
    expect(source.source.returns).toBe(0);
    expect(await first.next()).toEqual(DONE);
    expect(await second.next()).toEqual({ done: false, value: a });
    const pending = second.next().then(() => second.next());
    await turn();
    expect(onClosed).not.toHaveBeenCalled();
    const left = second.return?.();
    expect(source.source.returns).toBe(1);
    expect(await left).toEqual(DONE);
    expect(await pending).toEqual(DONE);
    await second.return?.();
    await first.return?.();
    expect(source.source.returns).toBe(1);
    expect(onClosed).toHaveBeenCalledTimes(1);
  });

  it('wakes a reader that leaves while it waits, and nobody else', async () => {
    const { join } = sharing(generationOf([HANG]));
    const [first, second] = [iteratorOf(join()), iteratorOf(join())];
    const woken = jest.fn();
    const [pending] = [first.next(), second.next().then(woken)];
    await first.return?.();
    expect(await pending).toEqual(DONE);
    await turn();
    expect(woken).not.toHaveBeenCalled();
  });

  it('fails with one and the same error for all, after what came before it', async () => {
    const source = generationOf([a, new TypeError('a bug')]);
    const { answer, join, onClosed } = sharing(source);
    const readers = [join(), join()];
    const [first = [], second = []] = await Promise.all(readers.map(drain));
    expect(first).toEqual([a, expect.any(GatewayError)]);
    expect(second[1]).toBe(first[1]);
    expect(onClosed).toHaveBeenCalledTimes(1);
    expect(answer.join()).toBeUndefined();
    const reader = readers[0] && iteratorOf(readers[0]);
    expect(await reader?.next()).toEqual(DONE);
    expect(source.source.returns).toBe(0);
  });

  it('gives a reader that was behind the rest before the failure', async () => {
    const { join } = sharing(generationOf([a, b, broken]));
    const behind = join();
    await drain(join());
    expect(await drain(behind)).toEqual([a, b, broken]);
  });

  it('frees the source when the last reader leaves after the finish', async () => {
    const source = generationOf([a, finish]);
    const { join } = sharing(source);
    const [first, second] = [join(), join()];
    for await (const event of first.generation.events) if (event.type === 'finish') break;
    expect(source.source.returns).toBe(0);
    for await (const event of second.generation.events) if (event.type === 'finish') break;
    expect(source.source.returns).toBe(1);
  });

  it('lets nobody join any more once the finish has come', async () => {
    const { answer, join, onClosed } = sharing(generationOf([a, finish]));
    const behind = join();
    await drain(join());
    expect(onClosed).toHaveBeenCalledTimes(1);
    expect(answer.join()).toBeUndefined();
    expect(await drain(behind)).toEqual([a, finish]);
  });

  it('lets nobody join whose beginning is no longer kept', async () => {
    const { answer, join, onClosed } = sharing(generationOf([a, b, c, finish]), { ...KEPT, maxEvents: 2 });
    const first = iteratorOf(join());
    await first.next();
    await first.next();
    expect(answer.join()).toBeDefined();
    expect(onClosed).not.toHaveBeenCalled();
    await first.next();
    expect(answer.join()).toBeUndefined();
    expect(onClosed).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['events', { maxEvents: 2, maxBytes: Infinity }],
    ['bytes', { maxEvents: Infinity, maxBytes: 2 * (a.text?.length ?? 0) }],
  ])('lets a reader go that is too many %s behind, and waits for none', async (_, kept) => {
    const { join } = sharing(generationOf([a, b, c, a, finish]), kept);
    const [behind, near, first] = [join(), iteratorOf(join()), iteratorOf(join())];
    await first.next();
    await first.next();
    await near.next();
    await first.next();
    expect(await first.next()).toEqual({ done: false, value: a });
    expect(await near.next()).toEqual({ done: false, value: b });
    expect(await drain(behind)).toEqual([expect.objectContaining({ reason: 'QUEUE_FULL' })]);
    expect(await iteratorOf(behind).next()).toEqual(DONE);
  });

  it('gives one large event to all who are there, however large', async () => {
    const { join } = sharing(generationOf([a, finish]), { maxEvents: 10, maxBytes: 1 });
    const readers = [join(), join()];
    for (const reader of readers) expect(await drain(reader)).toEqual([a, finish]);
  });

  it('measures chunks without a text of their own by their value', async () => {
    const { text: _, ...made } = a;
    const { answer, join } = sharing(generationOf([made, finish]), { maxEvents: 10, maxBytes: 1 });
    await iteratorOf(join()).next();
    expect(answer.join()).toBeUndefined();
  });

  it('lets a reader that is stopped go with the failure, while it waits or later', async () => {
    const source = generationOf([HANG]);
    const { join } = sharing(source);
    const [waiting, idle] = [join(), join()];
    const pending = iteratorOf(waiting).next();
    waiting.stop(slow);
    await expect(pending).rejects.toBe(slow);
    expect(await iteratorOf(waiting).next()).toEqual(DONE);
    expect(source.source.returns).toBe(0);
    idle.stop(slow);
    idle.stop(broken);
    expect(source.source.returns).toBe(1);
    await expect(iteratorOf(idle).next()).rejects.toBe(slow);
    expect(await iteratorOf(idle).next()).toEqual(DONE);
  });

  it('does not stop a reader that is gone or done already', async () => {
    const { join } = sharing(generationOf([a, finish]));
    const [gone, done] = [join(), join()];
    await iteratorOf(gone).return?.();
    await drain(done);
    for (const reader of [gone, done]) {
      reader.stop(slow);
      expect(await iteratorOf(reader).next()).toEqual(DONE);
    }
  });
});

/** What may happen next: somebody joins, asks for an event, leaves or is stopped, or the source gives one. */
type Move = { readonly kind: 'join' | 'read' | 'leave' | 'stop' | 'give'; readonly who: number };

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom('join', 'read', 'read', 'read', 'leave', 'stop', 'give', 'give', 'give'),
  who: fc.nat(5),
});

/** A source that gives an event only when it is told to. */
function gated(events: readonly GenerationEvent[], failure: GatewayError | undefined) {
  const gates: (() => void)[] = [];
  const log = { nexts: 0, returns: 0, given: 0, over: false };
  const step = (): IteratorResult<GenerationEvent, void> => {
    const value = events[log.given];
    if (value !== undefined) {
      log.given += 1;
      return { done: false, value };
    }
    log.over = true;
    if (failure !== undefined) throw failure;
    return { done: true, value: undefined };
  };
  const iterator: AsyncIterator<GenerationEvent, void> = {
    next: () => {
      log.nexts += 1;
      return new Promise<void>((resolve) => gates.push(resolve)).then(step);
    },
    return: async () => {
      log.returns += 1;
      return { done: true, value: undefined };
    },
  };
  const { head } = generationOf([]);
  const generation = { head, events: { [Symbol.asyncIterator]: () => iterator } };
  return { generation, log, give: () => gates.shift()?.() };
}

interface Seen {
  readonly reader: SharedReader;
  readonly events: GenerationEvent[];
  asked: number;
  failure?: unknown;
  isDone: boolean;
  isGone: boolean;
}

async function play(moves: readonly Move[], length: number, fails: boolean): Promise<void> {
  const events = [
    ...Array.from({ length }, (_, index) => chunkFixture(`${index}`)),
    ...(fails ? [] : [finish]),
  ];
  const { generation, log, give } = gated(events, fails ? broken : undefined);
  const { answer, join, onClosed } = sharing(generation);
  const readers: Seen[] = [];
  const enter = (reader: SharedReader): void =>
    void readers.push({ reader, events: [], asked: 0, isDone: false, isGone: false });
  enter(join());
  const read = (seen: Seen): void => {
    seen.asked += 1;
    iteratorOf(seen.reader)
      .next()
      .then(
        (step) => (step.done === true ? (seen.isDone = true) : seen.events.push(step.value)),
        (thrown: unknown) => (seen.failure = thrown),
      );
  };
  let wasLeft = false;
  const act = ({ kind, who }: Move): void => {
    const one = readers[who % readers.length];
    if (kind === 'join') {
      const reader = answer.join();
      if (reader !== undefined) enter(reader);
    } else if (kind === 'give') give();
    else if (kind === 'read' && one !== undefined) read(one);
    else if (one !== undefined && !one.isGone) {
      if (!one.isDone && one.failure === undefined) {
        one.isGone = true;
        if (!log.over && readers.every(({ isGone }) => isGone)) wasLeft = true;
      }
      if (kind === 'stop') one.reader.stop(slow);
      else void iteratorOf(one.reader).return?.();
    }
  };
  const check = (): void => {
    expect(log.nexts).toBeLessThanOrEqual(Math.max(...readers.map(({ asked }) => asked)));
    expect(log.returns).toBe(wasLeft ? 1 : 0);
    for (const one of readers) {
      expect(one.events).toEqual(events.slice(0, one.events.length));
      if (!one.isGone && one.failure !== undefined) expect(one.failure).toBe(broken);
      if (!one.isGone && (one.isDone || one.failure !== undefined)) expect(one.events).toEqual(events);
    }
  };
  for (const next of moves) {
    act(next);
    await turn();
    check();
  }
  if (wasLeft) expect(answer.join()).toBeUndefined();
  for (let round = 0; round < events.length + 3; round += 1) {
    for (const one of readers) if (!one.isGone) read(one);
    await turn();
    give();
    await turn();
  }
  check();
  for (const one of readers)
    if (!one.isGone) expect([one.events, one.failure]).toEqual([events, fails ? broken : undefined]);
  expect(onClosed).toHaveBeenCalledTimes(1);
}

describe('whatever readers do, an answer that is shared', () => {
  it('reaches all that stay, whole and in order, is never read ahead of them, and is returned once all left', () =>
    fc.assert(fc.asyncProperty(fc.array(move, { maxLength: 40 }), fc.nat(6), fc.boolean(), play), {
      numRuns: 1_000,
      interruptAfterTimeLimit: 15_000,
    }));
});
