import type { Message } from '@bufbuild/protobuf';
import type { ServerWritableStream, StatusObject } from '@grpc/grpc-js';
import type { GrpcExchange } from './grpc-exchange.js';

/**
 * The messages of one streamed answer, written no faster than the client reads. What is held for a client that does not
 * read is bounded in bytes; one message may go beyond.
 */
export class ResponseStream<Response extends Message = Message> {
  #waitingBytes = 0;
  #begun = false;
  #onProgress: (() => void) | undefined;

  constructor(
    private readonly call: ServerWritableStream<Buffer, Buffer>,
    private readonly exchange: GrpcExchange,
    private readonly maxWaitingBytes: number,
    private readonly encode: (message: Response) => Buffer,
  ) {}

  /**
   * Writes a message; where it gives a promise, nothing more is to be written until that is fulfilled. Throws or rejects
   * with the reason for which the exchange was given up.
   */
  write(message: Response): Promise<void> | undefined {
    this.exchange.signal.throwIfAborted();
    const bytes = this.encode(message);
    this.#begin();
    this.#waitingBytes += bytes.byteLength;
    this.call.write(bytes, () => {
      this.#waitingBytes -= bytes.byteLength;
      this.#onProgress?.();
    });
    this.exchange.pings?.sent();
    return this.#hasRoom() ? undefined : this.#room();
  }

  /** Ends the answer well. */
  end(): void {
    this.#begin();
    this.call.end();
  }

  /** Ends the answer with a failure, behind what was written. */
  fail(status: StatusObject): void {
    this.call.emit('error', status);
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.call.sendMetadata(this.exchange.answerMetadata());
  }

  #hasRoom(): boolean {
    return !this.call.writableNeedDrain && this.#waitingBytes <= this.maxWaitingBytes;
  }

  #room(): Promise<void> {
    const { signal } = this.exchange;
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#onProgress = undefined;
        signal.removeEventListener('abort', givenUp);
      };
      const givenUp = (): void => {
        done();
        reject(signal.reason as Error);
      };
      this.#onProgress = () => {
        if (!this.#hasRoom()) return;
        done();
        resolve();
      };
      signal.addEventListener('abort', givenUp);
    });
  }
}
