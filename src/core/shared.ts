import { GatewayError } from './gateway-error.js';
import type { Generation, GenerationEvent, Head } from './generation.js';

type Step = IteratorResult<GenerationEvent, void>;

/** How much of an answer is kept for readers that come later or read slowly. */
export interface KeptEvents {
  readonly maxEvents: number;
  /** Of JSON text; what it takes in memory once parsed is some three times as much. */
  readonly maxBytes: number;
}

/** One reader of an answer that has several. */
export interface SharedReader {
  /** The answer from its first event on, consumed once as any other. */
  readonly generation: Generation;
  /** Lets the reader go with a failure: what it awaits, or asks for next, throws it. Nothing once it is done. */
  stop(error: GatewayError): void;
}

/** An answer under way that several can read. */
export interface SharedAnswer {
  readonly head: Head;
  /** One more reader; undefined where the answer's beginning is no longer kept, or the answer is over. */
  join(): SharedReader | undefined;
}

/**
 * Lets several read one answer, each at its own pace. An event is asked for when the foremost reader asks, never
 * before, and kept once for all. The answer is returned at once when its last reader leaves before the end, and never
 * because of one that others outlive. A failure reaches every reader as the same GatewayError.
 *
 * Whoever joins gets the answer from its beginning as long as no more than `kept` of it has come; `onClosed` is called
 * once, when nobody can join any more: too much has come, it is over, or all have left. From then on only what some
 * reader has still to read is kept, and a reader that is further behind than `kept` is let go with QUEUE_FULL, because
 * neither the others nor memory shall wait for it.
 */
export function shared(generation: Generation, kept: KeptEvents, onClosed: () => void): SharedAnswer {
  const log = new SharedLog(generation, kept, onClosed);
  return { head: generation.head, join: () => log.join() };
}

/** An event that came, or the beginning of all, and what came after it. What nobody points to is free to go. */
interface Link {
  readonly event: GenerationEvent | undefined;
  /** Events and bytes up to and with this one. */
  readonly events: number;
  readonly bytes: number;
  next: Link | undefined;
}

interface Waiter {
  readonly reader: Reader;
  readonly resolve: (step: Step) => void;
  readonly reject: (error: GatewayError) => void;
}

const DONE: Step = { done: true, value: undefined };
/** Where an answer begins, and where those are who left: nothing that came later hangs on it. */
const BEGINNING: Link = { event: undefined, events: 0, bytes: 0, next: undefined };

class SharedLog {
  readonly #source: AsyncIterator<GenerationEvent, unknown>;
  readonly #readers = new Set<Reader>();
  #waiters: Waiter[] = [];
  /** Where new readers begin; undefined once nobody can join. */
  #first: Link | undefined;
  #last: Link;
  #pulling = false;
  /** How the source ended, where it did. */
  #end: { readonly error?: GatewayError } | undefined;

  constructor(
    private readonly generation: Generation,
    private readonly kept: KeptEvents,
    private readonly onClosed: () => void,
  ) {
    this.#source = generation.events[Symbol.asyncIterator]();
    this.#last = { ...BEGINNING };
    this.#first = this.#last;
  }

  join(): SharedReader | undefined {
    if (this.#first === undefined) return undefined;
    const reader = new Reader(this, this.#first);
    this.#readers.add(reader);
    return {
      generation: { head: this.generation.head, events: reader },
      stop: (error) => reader.stop(error),
    };
  }

  /** What comes after the reader's place, once it is there. */
  next(reader: Reader): Promise<Step> {
    return new Promise((resolve, reject) => {
      const waiter = { reader, resolve, reject };
      if (this.#served(waiter)) return;
      this.#waiters.push(waiter);
      if (!this.#pulling) void this.#pull();
    });
  }

  /** A reader left. Resolves when the source is free, where it was the last to leave before the end. */
  async leave(reader: Reader, error?: GatewayError): Promise<void> {
    if (!this.#readers.delete(reader)) return;
    reader.at = BEGINNING;
    const left = this.#waiters.filter((waiter) => waiter.reader === reader);
    this.#waiters = this.#waiters.filter((waiter) => waiter.reader !== reader);
    for (const [index, { resolve, reject }] of left.entries())
      if (error !== undefined && index === 0) reject(error);
      else resolve(DONE);
    if (error !== undefined && left.length > 0) reader.told();
    if (this.#readers.size > 0 || this.#end !== undefined) return;
    this.#over({});
    await this.#source.return?.();
  }

  #served({ reader, resolve, reject }: Waiter): boolean {
    const { next } = reader.at;
    if (next?.event !== undefined) {
      reader.at = next;
      resolve({ done: false, value: next.event });
      return true;
    }
    if (this.#end === undefined) return false;
    this.#readers.delete(reader);
    const { error } = this.#end;
    if (error === undefined || reader.isTold) resolve(DONE);
    else reject(error);
    reader.told();
    return true;
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    try {
      const step = await this.#source.next();
      if (step.done === true) this.#over({});
      else this.#append(step.value);
    } catch (thrown) {
      this.#over({ error: GatewayError.from(thrown) });
    }
    this.#pulling = false;
    this.#waiters = this.#waiters.filter((waiter) => !this.#served(waiter));
    // Somebody who asked for two at once still waits for the second.
    if (this.#waiters.length > 0) void this.#pull();
  }

  #append(event: GenerationEvent): void {
    const before = this.#last;
    const bytes = before.bytes + bytesOf(event);
    this.#last = { event, events: before.events + 1, bytes, next: undefined };
    before.next = this.#last;
    // Nothing comes after a finish: whoever is behind may read what there is in peace.
    if (event.type === 'finish') this.#close();
    else if (this.#isBeyond(this.#last, BEGINNING)) {
      this.#close();
      for (const reader of this.#readers) if (this.#isBeyond(before, reader.at)) reader.stop(tooSlow());
    }
  }

  /** Whether more lies between two places than is kept. */
  #isBeyond(link: Link, from: Link): boolean {
    return link.events - from.events > this.kept.maxEvents || link.bytes - from.bytes > this.kept.maxBytes;
  }

  #over(end: { readonly error?: GatewayError }): void {
    this.#end = end;
    this.#close();
  }

  #close(): void {
    if (this.#first === undefined) return;
    this.#first = undefined;
    this.onClosed();
  }
}

class Reader implements AsyncIterable<GenerationEvent>, AsyncIterator<GenerationEvent, void> {
  #failure: GatewayError | undefined;
  #left = false;
  isTold = false;

  constructor(
    private readonly log: SharedLog,
    /** The last that was read. */
    public at: Link,
  ) {}

  [Symbol.asyncIterator](): AsyncIterator<GenerationEvent, void> {
    return this;
  }

  /** It knows how the answer ended: what it asks for from now on is done. */
  told(): void {
    this.isTold = true;
    this.#failure = undefined;
  }

  next(): Promise<Step> {
    const failure = this.#failure;
    if (failure !== undefined) {
      this.told();
      return Promise.reject(failure);
    }
    return this.#left ? Promise.resolve(DONE) : this.log.next(this);
  }

  async return(): Promise<Step> {
    this.#left = true;
    this.#failure = undefined;
    await this.log.leave(this);
    return DONE;
  }

  stop(failure: GatewayError): void {
    if (this.#left || this.isTold) return;
    this.#left = true;
    this.#failure = failure;
    // The source's own trouble in ending concerns nobody who is still there.
    this.log.leave(this, failure).catch(() => undefined);
  }
}

function bytesOf(event: GenerationEvent): number {
  if (event.type === 'finish') return 0;
  return (event.text ?? JSON.stringify(event.value)).length;
}

function tooSlow(): GatewayError {
  return new GatewayError('QUEUE_FULL', 'The answer came much faster than this caller read it.');
}
