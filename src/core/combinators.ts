import { GatewayError } from './gateway-error.js';
import type { ChunkEvent, FinishEvent, Generation, GenerationEvent } from './generation.js';
import type { Ended, Outcome } from './outcome.js';
import { NO_USAGE, type Usage } from './usage.js';

type Step = IteratorResult<GenerationEvent, void>;

/**
 * Calls `onOutcome` exactly once: when the finish event passes, when the stream fails, or when its consumer
 * leaves early (also before its first event). A CANCELLED failure is an abandonment. `onChunk` sees every chunk that
 * passes. Neither may throw.
 */
export function settled(
  generation: Generation,
  onOutcome: (outcome: Outcome) => void,
  onChunk?: (chunk: ChunkEvent) => void,
): Generation {
  const source = generation.events[Symbol.asyncIterator]();
  let usage: Usage = NO_USAGE;
  let open = true;
  const settle = (outcome: Outcome): void => {
    if (!open) return;
    open = false;
    onOutcome(outcome);
  };
  const fail = (thrown: unknown): GatewayError => {
    const error = GatewayError.from(thrown);
    const used = error.usage ?? usage;
    settle(
      error.reason === 'CANCELLED'
        ? { kind: 'abandoned', usage: used }
        : { kind: 'failed', error, usage: used },
    );
    return error;
  };
  const observe = (step: Step): Step => {
    if (step.done === true) {
      // A source that ends without finish or failure broke its contract; the caller must hear of it.
      if (open) throw fail(noFinish());
      return step;
    }
    if (step.value.type === 'finish')
      settle({ kind: 'completed', finish: endOf(step.value), usage: step.value.usage });
    else {
      if (step.value.usage !== undefined) usage = step.value.usage;
      onChunk?.(step.value);
    }
    return step;
  };
  return {
    head: generation.head,
    events: iterableOf({
      next: () =>
        source.next().then(observe, (thrown: unknown) => {
          throw fail(thrown);
        }),
      return: async () => {
        settle({ kind: 'abandoned', usage });
        await source.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

function endOf(finish: FinishEvent): Ended {
  if (finish.structured === undefined) return finish;
  const { structured: _structured, ...end } = finish;
  return end;
}

/** Events that are held back at most until an answer has begun. */
const MAX_HELD_EVENTS = 16;

/**
 * Waits until the answer has begun, so that one that breaks or ends before that rejects here and can still be
 * retried. It has begun with its first event, or with the first that `begins` takes for a beginning; `begins` may
 * throw, which gives the answer up. The generation returned delivers the events seen first.
 */
export async function primed(
  generation: Generation,
  begins: (event: GenerationEvent) => boolean = () => true,
): Promise<Generation> {
  const source = generation.events[Symbol.asyncIterator]();
  const held: Step[] = [];
  for (;;) {
    const step = await source.next();
    if (step.done === true) throw noFinish();
    held.push(step);
    let begun: boolean;
    try {
      begun = begins(step.value);
    } catch (thrown) {
      await source.return?.();
      throw thrown;
    }
    if (begun || step.value.type === 'finish' || held.length === MAX_HELD_EVENTS) break;
  }
  return {
    head: generation.head,
    events: iterableOf({
      next: () => {
        const step = held.shift();
        return step === undefined ? source.next() : Promise.resolve(step);
      },
      return: async () => {
        await source.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** Looks at events before they are passed on. Either may throw, which ends the answer with that failure. */
export interface Judge {
  chunk(chunk: ChunkEvent): void;
  /** The finish to pass on. */
  finish(finish: FinishEvent): Promise<FinishEvent>;
}

/** Passes on what a judge lets pass; where it throws, the source is returned, which cancels the upstream. */
export function judged(generation: Generation, judge: Judge): Generation {
  const source = generation.events[Symbol.asyncIterator]();
  const look = async (step: Step): Promise<Step> => {
    if (step.done === true) return step;
    try {
      if (step.value.type === 'finish') return { done: false, value: await judge.finish(step.value) };
      judge.chunk(step.value);
      return step;
    } catch (thrown) {
      await source.return?.();
      throw thrown;
    }
  };
  return {
    head: generation.head,
    events: iterableOf({
      next: () => source.next().then(look),
      return: async () => {
        await source.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** A whole answer. */
export interface Collected {
  readonly chunks: readonly ChunkEvent[];
  readonly finish: FinishEvent;
}

/**
 * Reads an answer to its end. Rejects with the GatewayError that ended it; a stream that ends without a finish
 * is `UPSTREAM_PROTOCOL`.
 */
export async function collect(generation: Generation): Promise<Collected> {
  const chunks: ChunkEvent[] = [];
  for await (const event of generation.events) {
    if (event.type === 'finish') return { chunks, finish: event };
    chunks.push(event);
  }
  throw noFinish();
}

const noFinish = (): GatewayError =>
  new GatewayError('UPSTREAM_PROTOCOL', 'The answer ended without a finish.');

interface EventSource {
  next(): Promise<Step>;
  return(): Promise<Step>;
}

/** One iterator as an iterable that is consumed once; after its end it stays ended. */
function iterableOf(source: EventSource): AsyncIterable<GenerationEvent> {
  let done = false;
  const end = (step: Step): Step => {
    if (step.done === true) done = true;
    return step;
  };
  const iterator: AsyncIterator<GenerationEvent, void> = {
    next: () =>
      done
        ? Promise.resolve({ done: true, value: undefined })
        : source.next().then(end, (thrown: unknown) => {
            done = true;
            throw thrown;
          }),
    return: () => {
      if (done) return Promise.resolve({ done: true, value: undefined });
      done = true;
      return source.return();
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
