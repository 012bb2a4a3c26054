import { StringDecoder } from 'node:string_decoder';
import { createParser } from 'eventsource-parser';
import { GatewayError } from '../../core/gateway-error.js';

/** Receives what an event stream carries. */
export interface SseSink {
  /** The data of one event, lines joined by LF. */
  onData(text: string): void;
}

/**
 * Reads server-sent events from bytes cut at any boundary. What stands in the stream without a field name, as
 * a JSON document that an upstream writes in place of further events, is kept apart in `stray`.
 */
export class SseReader {
  readonly #decoder = new StringDecoder('utf8');
  readonly #parser;
  #stray = '';
  #straying = false;
  #atLineStart = true;
  #overflow = false;

  constructor(
    sink: SseSink,
    private readonly maxEventBytes: number,
  ) {
    this.#parser = createParser({
      maxBufferSize: maxEventBytes,
      onEvent: (event) => sink.onData(event.data),
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') this.#overflow = true;
      },
    });
  }

  /** Text found outside any event; empty where there was none. */
  get stray(): string {
    return this.#stray;
  }

  /** Takes the next bytes. Throws UPSTREAM_PROTOCOL when one event exceeds the bound. */
  feed(bytes: Buffer): void {
    this.#take(this.#decoder.write(bytes));
  }

  /** Takes the end: an event without its closing blank line still counts. */
  end(): void {
    const rest = this.#decoder.end();
    this.#take(this.#straying ? rest : `${rest}\n\n`);
  }

  #take(text: string): void {
    if (text === '') return;
    if (this.#straying) this.#addStray(text);
    else this.#split(text);
    if (this.#overflow) {
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        `An upstream event is larger than ${this.maxEventBytes} bytes.`,
      );
    }
  }

  // The parser drops lines that cannot be fields, and a JSON document is made of such lines.
  #split(text: string): void {
    const at = this.#documentStart(text);
    const fields = at === -1 ? text : text.slice(0, at);
    if (fields !== '') {
      const last = fields.charCodeAt(fields.length - 1);
      this.#atLineStart = last === 10 || last === 13;
      this.#parser.feed(fields);
    }
    if (at !== -1) {
      this.#straying = true;
      this.#addStray(text.slice(at));
    }
  }

  #documentStart(text: string): number {
    if (this.#atLineStart && (text[0] === '{' || text[0] === '[')) return 0;
    const at = text.search(/[\r\n][{[]/);
    return at === -1 ? -1 : at + 1;
  }

  #addStray(text: string): void {
    this.#stray += text;
    if (this.#stray.length > this.maxEventBytes) this.#overflow = true;
  }
}
