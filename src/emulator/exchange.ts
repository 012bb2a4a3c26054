import type { IncomingMessage, ServerResponse } from 'node:http';

/** One HTTP exchange as the emulator's wings see it. */
export interface Exchange {
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** `http://host:port` under which the caller reached the emulator. */
  readonly origin: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Reads the whole body. Rejects when the caller goes away. */
  readBody(): Promise<Buffer>;
}

/** A group of routes. Answers the exchange and returns true, or leaves it alone and returns false. */
export type Wing = (exchange: Exchange) => boolean | Promise<boolean>;

/** Answers with a JSON document. */
export function sendJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  exchange.res.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
    ...headers,
  });
  exchange.res.end(text);
}
