import type { GenerationEvent } from '../../core/generation.js';
import { GatewayError } from '../../core/gateway-error.js';
import { SseReader } from '../http/sse.js';
import type { UpstreamResponse } from '../http/upstream-http.js';
import type { Watchdog } from '../http/watchdog.js';
import { AnswerReader } from './answer-reader.js';
import { errorObject, googleError } from './google-errors.js';

type Step = IteratorResult<GenerationEvent, void>;

/**
 * The events of a `streamGenerateContent?alt=sse` response, read as they are asked for: a slow reader holds no
 * more than the transport's own buffers. Ends with one finish, or throws one GatewayError that carries the
 * tokens seen. Returning early cancels the upstream.
 */
export class StreamEvents implements AsyncIterableIterator<GenerationEvent, void> {
  readonly #body: AsyncIterator<Buffer>;
  readonly #answer = new AnswerReader();
  readonly #sse: SseReader;
  #queue: GenerationEvent[] = [];
  #failure: GatewayError | undefined;
  #over = false;

  constructor(
    private readonly response: UpstreamResponse,
    private readonly watchdog: Watchdog,
    maxEventBytes: number,
  ) {
    this.#body = response.body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#sse = new SseReader(
      {
        onData: (text) => {
          // Google sends no terminator of this kind; what stands in for Google may.
          if (text !== '[DONE]') this.#queue.push(this.#answer.chunk(text));
        },
      },
      maxEventBytes,
    );
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    while (this.#queue.length === 0 && !this.#over && this.#failure === undefined) await this.#read();
    const event = this.#queue.shift();
    if (event !== undefined) return { done: false, value: event };
    if (this.#failure === undefined) return { done: true, value: undefined };
    const failure = this.#failure;
    this.#failure = undefined;
    this.#over = true;
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
      if (piece.done === true) {
        this.#end();
        return;
      }
      this.#sse.feed(piece.value);
      if (this.#queue.length > 0) this.watchdog.progress();
    } catch (thrown) {
      if (this.#over) return;
      this.#failure = this.watchdog.explain(thrown).withUsage(this.#answer.usage);
      this.#stop();
    }
  }

  #end(): void {
    this.#sse.end();
    const { stray } = this.#sse;
    if (stray !== '') throw strayError(stray);
    this.#queue.push(this.#answer.finish());
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

function strayError(stray: string): GatewayError {
  const error = errorObject(stray);
  return error === undefined
    ? new GatewayError('UPSTREAM_PROTOCOL', 'The upstream wrote something into the stream that is no event.')
    : googleError({ status: Number(error['code']) || 500, body: stray });
}
