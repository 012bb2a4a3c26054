import { GatewayError } from '../../core/gateway-error.js';
import type { FinishEvent, GenerationEvent } from '../../core/generation.js';
import type { Usage } from '../../core/usage.js';
import { SseReader } from './sse.js';
import type { UpstreamResponse } from './upstream-http.js';
import type { Watchdog } from './watchdog.js';

/** Understands one upstream's messages. Throws the GatewayError that a message reports or deserves. */
export interface AnswerDecoder {
  /** The events that the data of one message makes; none for a message that says nothing. */
  decode(data: string): readonly GenerationEvent[];
  /** The end, once everything was decoded. Throws where the answer was not complete. */
  finish(): FinishEvent;
  /** What to report for text that stood in the stream outside any message. */
  strayError(text: string): GatewayError;
  /** Tokens as of the last message that counted them. */
  readonly usage: Usage;
}

type Step = IteratorResult<GenerationEvent, void>;

/**
 * The events of a streamed answer, read as they are asked for: a slow reader holds no more than the transport's
 * own buffers. Ends with one finish, or throws one GatewayError that carries the tokens seen. Returning early
 * cancels the upstream. A compressed body, which nobody asked for, is UPSTREAM_PROTOCOL at once.
 */
export class SseEvents implements AsyncIterableIterator<GenerationEvent, void> {
  readonly #body: AsyncIterator<Buffer>;
  readonly #sse: SseReader;
  #queue: GenerationEvent[] = [];
  #failure: GatewayError | undefined;
  #over = false;

  constructor(
    private readonly response: UpstreamResponse,
    private readonly watchdog: Watchdog,
    private readonly decoder: AnswerDecoder,
    maxEventBytes: number,
  ) {
    const encoding = response.headers['content-encoding'] ?? 'identity';
    // Its bytes would read as a stream without events.
    if (encoding !== 'identity')
      throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream compressed a stream that must not be.');
    this.#body = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#sse = new SseReader({ onData: (text) => this.#decode(text) }, maxEventBytes);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    while (this.#queue.length === 0 && !this.#over) await this.#read();
    const event = this.#queue.shift();
    if (event !== undefined) return { done: false, value: event };
    if (this.#failure === undefined) return { done: true, value: undefined };
    const failure = this.#failure;
    this.#failure = undefined;
    throw failure;
  }

  return(): Promise<Step> {
    if (!this.#over) this.#stop();
    this.#queue = [];
    this.#failure = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  async #read(): Promise<void> {
    try {
      const piece = await this.#body.next();
      // `return` may have been called while this read was pending.
      if (this.#over) return;
      if (piece.done === true) this.#end();
      else this.#sse.feed(piece.value);
    } catch (thrown) {
      if (this.#over) return;
      this.#failure = this.watchdog.explain(thrown).withUsage(this.decoder.usage);
      this.#stop();
    }
  }

  #decode(text: string): void {
    this.watchdog.progress();
    this.#queue.push(...this.decoder.decode(text));
  }

  #end(): void {
    this.#sse.end();
    if (this.#sse.stray !== '') throw this.decoder.strayError(this.#sse.stray);
    this.#queue.push(this.decoder.finish());
    this.#over = true;
    this.watchdog.done();
  }

  #stop(): void {
    this.#over = true;
    this.watchdog.cancel();
    this.response.body.on('error', ignore).destroy();
  }
}

// A destroyed body reports the abort that destroyed it; everybody who needs to know has been told.
const ignore = (): void => undefined;
