import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import { create } from '@bufbuild/protobuf';
import {
  Metadata,
  status,
  type ServerInterceptingCallInterface,
  type ServerWritableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { DeltaSchema, type Delta } from '../../../../src/transport/grpc/gen/gemini_gateway/v1/gateway_pb.js';
import { GrpcExchange } from '../../../../src/transport/grpc/grpc-exchange.js';
import { ResponseStream } from '../../../../src/transport/grpc/response-stream.js';

const MAX_WAITING_BYTES = 100;

/** A call whose client takes a message only when told to. */
class SlowCall extends Writable {
  readonly metadata: Metadata[] = [];
  readonly taken: string[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor() {
    super({ objectMode: true, highWaterMark: 16 });
    this.on('error', () => undefined);
  }

  sendMetadata(metadata: Metadata): void {
    this.metadata.push(metadata);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(chunk.toString());
    this.#waiting.push(done);
  }

  /** The client reads so many messages. */
  read(messages: number): void {
    for (let message = 0; message < messages; message += 1) this.#waiting.shift()?.();
  }
}

function streamOf() {
  const call = new SlowCall();
  const exchange = new GrpcExchange('r-1', 0, '/s/m', {} as ServerInterceptingCallInterface, undefined);
  const stream = new ResponseStream<Delta>(
    call as unknown as ServerWritableStream<Buffer, Buffer>,
    exchange,
    MAX_WAITING_BYTES,
    ({ text }) => Buffer.from(text),
  );
  const write = (text: string) => stream.write(create(DeltaSchema, { text }));
  return { call, exchange, stream, write };
}

const settledOf = async (promise: Promise<void> | undefined): Promise<string> => {
  let state = 'waiting';
  promise?.then(
    () => (state = 'done'),
    () => (state = 'failed'),
  );
  await new Promise(setImmediate);
  return promise === undefined ? 'at once' : state;
};

describe('ResponseStream', () => {
  it('sends who answers before the first message, once, and before an end without messages', () => {
    const some = streamOf();
    void some.write('a');
    void some.write('b');
    expect(some.call.metadata.map((metadata) => metadata.toHttp2Headers())).toEqual([
      { 'x-request-id': 'r-1' },
    ]);
    const none = streamOf();
    none.stream.end();
    expect(none.call.metadata).toHaveLength(1);
  });

  it('lets go on while little waits', async () => {
    const { write } = streamOf();
    expect(await settledOf(write('a'.repeat(MAX_WAITING_BYTES)))).toBe('at once');
  });

  it('waits for the client where too many bytes do, until few enough do', async () => {
    const { call, write } = streamOf();
    void write('a'.repeat(MAX_WAITING_BYTES));
    const room = write('b');
    expect(await settledOf(room)).toBe('waiting');
    call.read(1);
    expect(await settledOf(room)).toBe('done');
    expect(call.taken).toEqual(['a'.repeat(MAX_WAITING_BYTES), 'b']);
  });

  it('waits where too many messages do, however small', async () => {
    const { call, write } = streamOf();
    const rooms = Array.from({ length: 16 }, () => write('x'));
    expect(rooms.slice(0, -1).every((room) => room === undefined)).toBe(true);
    expect(await settledOf(rooms[15])).toBe('waiting');
    for (let message = 0; message < 16; message += 1) {
      call.read(1);
      await new Promise(setImmediate);
    }
    expect(await settledOf(rooms[15])).toBe('done');
  });

  it('gives up waiting when the exchange is given up, with its reason', async () => {
    const { exchange, write } = streamOf();
    const room = write('a'.repeat(MAX_WAITING_BYTES + 1));
    const reason = new GatewayError('CANCELLED', 'gone');
    exchange.abort(reason);
    await expect(room).rejects.toBe(reason);
    expect(() => write('b')).toThrow(reason);
  });

  it('leaves no listeners behind on a slow client', async () => {
    const { call, exchange, write } = streamOf();
    for (let message = 0; message < 50; message += 1) {
      const room = write('a'.repeat(MAX_WAITING_BYTES + 1));
      call.read(1);
      await room;
    }
    expect(getEventListeners(exchange.signal, 'abort')).toHaveLength(0);
  });

  it('fails behind what was written', () => {
    const { call, stream, write } = streamOf();
    const failures: StatusObject[] = [];
    call.on('error', (status: unknown) => failures.push(status as StatusObject));
    void write('a');
    const ending: StatusObject = { code: status.INTERNAL, details: 'x', metadata: new Metadata() };
    stream.fail(ending);
    expect(failures).toEqual([ending]);
    expect(call.taken).toEqual(['a']);
  });
});
