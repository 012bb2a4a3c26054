import {
  connect,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { TEST_KEY } from './gateway.js';

/** What a server sent over a raw call. */
export interface RawAnswer {
  /** `grpc-status`; undefined where none came. */
  readonly code: number | undefined;
  readonly message: string;
  readonly headers: IncomingHttpHeaders;
  /** Code with which the stream was reset; 0 for none. */
  readonly resetCode: number;
}

/** A call over HTTP/2 frames of the test's own making. */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  readonly answer: Promise<RawAnswer>;
  close(): void;
}

/** Begins a call; nothing of its body is sent yet. */
export function rawCall(address: string, path: string, headers: OutgoingHttpHeaders = {}): RawCall {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${TEST_KEY}`,
    ...headers,
  });
  let got: IncomingHttpHeaders = {};
  stream.on('response', (head) => (got = { ...got, ...head }));
  stream.on('trailers', (trailers) => (got = { ...got, ...trailers }));
  stream.on('error', () => undefined);
  stream.resume();
  const answer = new Promise<RawAnswer>((resolve) => {
    stream.on('close', () => {
      const code = got['grpc-status'];
      resolve({
        code: code === undefined ? undefined : Number(code),
        message: decodeURI(String(got['grpc-message'] ?? '')),
        headers: got,
        resetCode: stream.rstCode ?? 0,
      });
      session.close();
    });
  });
  return { stream, answer, close: () => session.destroy() };
}

/** A message as gRPC frames it; `length` may lie about it. */
export function framed(bytes: Uint8Array, { length = bytes.byteLength, compressed = false } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed ? 1 : 0;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}
