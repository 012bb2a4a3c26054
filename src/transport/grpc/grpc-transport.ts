import type { DescMethod, Message } from '@bufbuild/protobuf';
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  StatusObject,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { Inject, Injectable } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server, Transport } from '@nestjs/microservices';
import { PinoLogger } from 'nestjs-pino';
import { isObservable, lastValueFrom } from 'rxjs';
import { sectionToken } from '../../config/config.module.js';
import { GatewayError } from '../../core/gateway-error.js';
import { ServerConfig } from '../server.config.js';
import { stackOf } from '../shared/stack-of.js';
import { GeminiGateway } from './gen/gemini_gateway/v1/gateway_pb.js';
import { Health } from './gen/grpc/health/v1/health_pb.js';
import { decode, encode, type MessageBounds } from './grpc.codec.js';
import { GrpcConfig } from './grpc.config.js';
import { GrpcEdge } from './grpc-edge.js';
import { GrpcError } from './grpc.errors.js';
import type { GrpcExchange } from './grpc-exchange.js';
import { addReflection } from './grpc-reflection.js';
import { GrpcServer } from './grpc-server.js';
import { ResponseStream } from './response-stream.js';
import { pathOf } from './service-definition.js';

/** What a method is called with: its one argument. */
export interface Incoming<Request extends Message> {
  readonly request: Request;
  readonly exchange: GrpcExchange;
}

/** What a method that streams its answer is called with. */
export interface IncomingStream<Request extends Message, Response extends Message> extends Incoming<Request> {
  readonly answer: ResponseStream<Response>;
}

const SERVICES = [GeminiGateway, Health];

/**
 * Serves the methods that controllers declare by `@GrpcMethod`. In place of the framework's own gRPC server, whose
 * streams queue without bound for a client that does not read, and which converts each message twice: docs/adr/0012.
 */
@Injectable()
export class GrpcTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Transport.GRPC;
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #bounds: MessageBounds;

  constructor(
    private readonly edge: GrpcEdge,
    private readonly server: GrpcServer,
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
    @Inject(sectionToken(ServerConfig)) { maxJsonDepth, maxJsonValues }: ServerConfig,
    private readonly faults: PinoLogger,
  ) {
    super();
    faults.setContext('grpc');
    this.#bounds = { maxJsonDepth, maxValues: maxJsonValues };
  }

  /** Takes a method of a controller, by its pattern. */
  override addHandler({ service, rpc }: { service: string; rpc: string }, handler: MessageHandler): void {
    this.#handlers.set(`/${service}/${rpc}`, handler);
  }

  /** Calls back with what keeps it from serving; every method of every service must have its handler. */
  override async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      for (const service of SERVICES) {
        const methods = service.methods.map((method) => [method.name, this.#serving(method)] as const);
        this.server.add(service, Object.fromEntries(methods));
      }
      if (this.config.reflection) await addReflection(this.server.library, SERVICES);
      await this.server.listen();
    } catch (thrown) {
      callback(thrown);
      return;
    }
    callback();
  }

  /** Ends what still waits for changes of health, then every connection. */
  override async close(): Promise<void> {
    this.edge.abortAll();
    await this.server.close();
  }

  override on(): never {
    throw new TypeError('The gRPC surface has no events.');
  }

  override unwrap(): never {
    throw new TypeError('The gRPC server is not to be had.');
  }

  #serving(method: DescMethod): UntypedHandleCall {
    const handler = this.#handlers.get(pathOf(method));
    if (handler === undefined) throw new TypeError(`${pathOf(method)} has no handler.`);
    return method.methodKind === 'server_streaming'
      ? (call: ServerWritableStream<Buffer, Buffer>) => void this.#stream(method, handler, call)
      : (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) =>
          void this.#unary(method, handler, call, respond);
  }

  async #unary(
    method: DescMethod,
    handler: MessageHandler,
    call: ServerUnaryCall<Buffer, Buffer>,
    respond: sendUnaryData<Buffer>,
  ): Promise<void> {
    const exchange = this.edge.exchangeOf(call.metadata);
    let answer: Buffer;
    try {
      const request = this.#decoded(method, call.request, exchange);
      answer = this.#encoded(method, (await called(handler, { request, exchange })) as Message);
    } catch (thrown) {
      respond(this.#failure(exchange, thrown));
      return;
    }
    call.sendMetadata(exchange.answerMetadata());
    exchange.pings?.sent();
    respond(null, answer);
  }

  async #stream(
    method: DescMethod,
    handler: MessageHandler,
    call: ServerWritableStream<Buffer, Buffer>,
  ): Promise<void> {
    const exchange = this.edge.exchangeOf(call.metadata);
    const answer = new ResponseStream(call, exchange, this.config.maxBufferedBytesPerStream, (message) =>
      this.#encoded(method, message),
    );
    try {
      const request = this.#decoded(method, call.request, exchange);
      await called(handler, { request, exchange, answer });
      answer.end();
    } catch (thrown) {
      answer.fail(this.#failure(exchange, thrown));
    }
  }

  #decoded(method: DescMethod, bytes: Buffer, { place }: GrpcExchange): Message {
    place?.holds(bytes.byteLength);
    return decode(method.input, bytes, this.#bounds);
  }

  #encoded(method: DescMethod, message: Message): Buffer {
    const bytes = encode(method.output, message);
    const { maxSendMessageBytes } = this.config;
    if (bytes.byteLength <= maxSendMessageBytes) return bytes;
    throw new GrpcError(
      'RESOURCE_EXHAUSTED',
      'REQUEST_TOO_LARGE',
      `The answer is larger than this gateway sends in one message: ${maxSendMessageBytes} bytes. Ask for less of it.`,
    );
  }

  #failure(exchange: GrpcExchange, thrown: unknown): StatusObject {
    const error = GatewayError.from(thrown);
    if (error.reason === 'INTERNAL') {
      this.faults.error(
        { request_id: exchange.id, error: stackOf(error) },
        'a call failed inside the gateway',
      );
    }
    return this.edge.refuse(exchange, error);
  }
}

/** What a handler gives. The framework makes an observable of what it throws. */
async function called(handler: MessageHandler, incoming: object): Promise<unknown> {
  const result: unknown = await handler(incoming);
  return isObservable(result) ? lastValueFrom(result) : result;
}
