import { randomUUID } from 'node:crypto';
import { constants, type Http2Session } from 'node:http2';
import {
  status,
  type Metadata,
  type ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type StatusObject,
} from '@grpc/grpc-js';
import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../../config/config.module.js';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import { RequestLog } from '../../telemetry/request-log.js';
import { cacheDirectivesOf } from '../shared/cache-directives.js';
import { traceOf } from '../../telemetry/traceparent.js';
import { saneRequestId } from '../shared/exchange.js';
import { failureOfLibrary } from './foreign-status.js';
import { GeminiGateway } from './gen/gemini_gateway/v1/gateway_pb.js';
import { GrpcAdmission, textOf } from './grpc-admission.js';
import { GrpcConfig } from './grpc.config.js';
import { GrpcError, isOwnStatus, statusOf } from './grpc.errors.js';
import { GrpcExchange } from './grpc-exchange.js';
import { streamOf } from './http2-access.js';
import { PingGuards } from './ping-guard.js';

type Call = ServerInterceptingCallInterface;
type Status = Parameters<Call['sendStatus']>[0];

/** Methods that need a key, and that the gateway waits for when it stops. */
const OWN_METHODS = `/${GeminiGateway.typeName}/`;
/** Under which name a call's metadata carries its exchange from here to the method; it is not sent. */
const EXCHANGE = 'gemini-gateway-exchange';
const SWEEP_MS = 1_000;
/** A client gives up at its deadline, which it knows a moment sooner than we do. */
const DEADLINE_SLACK_MS = 50;
/** How long after its time a call whose client does not read may still lie there. */
const LINGER_MS = 2_000;

/**
 * What happens to every gRPC call before and after its method: an id, authentication before the message is read, an
 * abort when the caller goes away or its time is up, statuses with details, and one log line at the end.
 */
@Injectable()
export class GrpcEdge {
  readonly #open = new Set<GrpcExchange>();
  #sweeping = false;

  constructor(
    private readonly admission: GrpcAdmission,
    private readonly pings: PingGuards,
    private readonly log: RequestLog,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(sectionToken(GrpcConfig)) private readonly config: GrpcConfig,
  ) {}

  /** Number of calls to the gateway's own methods that are not over. */
  get openExchanges(): number {
    let open = 0;
    for (const { path } of this.#open) if (path.startsWith(OWN_METHODS)) open += 1;
    return open;
  }

  /** Cuts every call that is still open. UNAVAILABLE, so that clients try again elsewhere. */
  abortAll(): void {
    const reason = new GrpcError('UNAVAILABLE', 'CANCELLED', 'The gateway is shutting down; try again.');
    for (const exchange of this.#open) exchange.abort(reason);
  }

  /** Counts the pings of a connection from now on. */
  watch(session: Http2Session): void {
    this.pings.watch(session);
  }

  /** The exchange that a call's metadata came with. Throws INTERNAL for a call that the edge has not seen. */
  exchangeOf(metadata: Metadata): GrpcExchange {
    const exchange = metadata.getOpaque(EXCHANGE);
    if (exchange instanceof GrpcExchange) return exchange;
    throw new GatewayError('INTERNAL', 'The call has no exchange.');
  }

  /**
   * Stands between the library and each call. The call itself is changed rather than wrapped: what the library ends by
   * itself (deadlines, oversized messages) goes through `sendStatus` of the call, and past every wrapper.
   */
  readonly intercept: ServerInterceptor = ({ path, requestStream }, call) => {
    const start = call.start.bind(call);
    const sendStatus = call.sendStatus.bind(call);
    let exchange: GrpcExchange | undefined;
    call.sendStatus = (given) => sendStatus(exchange === undefined ? given : this.#ending(exchange, given));
    call.start = (listener) =>
      start({
        onReceiveMetadata: (metadata) => {
          exchange = this.#begin(path, call, metadata);
          exchange.received = requestStream;
          try {
            this.#assertWelcome(exchange, metadata);
          } catch (thrown) {
            call.sendStatus(this.refuse(exchange, GatewayError.from(thrown)));
            return;
          }
          listener.onReceiveMetadata(metadata);
        },
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => {
          if (exchange !== undefined) exchange.received = true;
          listener.onReceiveHalfClose();
        },
        onCancel: () => {
          if (exchange !== undefined) this.#over(exchange);
          listener.onCancel();
        },
      });
    return call as ServerInterceptingCall;
  };

  /** The status that a failed exchange ends with. */
  refuse(exchange: GrpcExchange, error: GatewayError): StatusObject {
    exchange.refusal ??= error.reason;
    const cut: unknown = exchange.signal.reason;
    // On its way through the policies an error gains details, and loses a code that is gRPC's alone.
    const code = cut instanceof GrpcError && cut.reason === error.reason ? cut.code : error.code;
    return statusOf(error, exchange.id, code);
  }

  #begin(path: string, call: Call, metadata: Metadata): GrpcExchange {
    const id = saneRequestId(textOf(metadata, 'x-request-id')) ?? randomUUID();
    const pings = this.pings.of(streamOf(call)?.session);
    const exchange = new GrpcExchange(id, this.clock.monotonicMs(), path, call, pings);
    exchange.trace = traceOf(textOf(metadata, 'traceparent'));
    exchange.cache = cacheDirectivesOf(textOf(metadata, 'x-gateway-cache-control'));
    pings?.began();
    metadata.setOpaque(EXCHANGE, exchange);
    this.#open.add(exchange);
    this.#sweepLater();
    return exchange;
  }

  #assertWelcome(exchange: GrpcExchange, metadata: Metadata): void {
    if (exchange.path.startsWith(OWN_METHODS)) this.admission.admit(exchange, metadata);
    if (exchange.timeoutMs(this.clock) <= 0) {
      throw new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call had passed when it arrived.');
    }
  }

  #ending(exchange: GrpcExchange, given: Status): Status {
    if (exchange.statusCode !== undefined) return given;
    if (given.code === status.OK || isOwnStatus(given)) {
      exchange.statusCode = given.code;
      return given;
    }
    const failure = failureOfLibrary(given.code, given.details, this.config.maxReceiveMessageBytes);
    exchange.abort(new GatewayError('CANCELLED', failure.message));
    const own = this.refuse(exchange, failure);
    exchange.statusCode = own.code;
    return own;
  }

  #over(exchange: GrpcExchange): void {
    if (!this.#open.delete(exchange)) return;
    exchange.pings?.over();
    exchange.place?.leave();
    if (exchange.statusCode === undefined) {
      const late = exchange.timeoutMs(this.clock) <= DEADLINE_SLACK_MS;
      exchange.statusCode = late ? status.DEADLINE_EXCEEDED : status.CANCELLED;
      exchange.refusal ??= late ? 'DEADLINE_EXCEEDED' : 'CANCELLED';
      exchange.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    }
    // A client that has its status need not send the rest; without a word it might hold the stream for ever.
    if (!exchange.received) streamOf(exchange.call)?.close(constants.NGHTTP2_NO_ERROR);
    const { path, statusCode, refusal } = exchange;
    exchange.whenSettled(() => this.log.write(exchange.logEntry(path, statusCode, refusal)));
  }

  /** One timer for all calls, armed while there are any. */
  #sweepLater(): void {
    if (this.#sweeping || this.#open.size === 0) return;
    this.#sweeping = true;
    this.clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      const nowMs = this.clock.monotonicMs();
      for (const exchange of this.#open) this.#look(exchange, nowMs);
      this.#sweepLater();
    });
  }

  /** Ends what would lie there for ever: requests that do not arrive, answers that nobody reads. */
  #look(exchange: GrpcExchange, nowMs: number): void {
    const { call, record, received } = exchange;
    if (!received && nowMs - record.startedMs > this.config.requestTimeoutMs) {
      const late = new GatewayError('DEADLINE_EXCEEDED', 'The request message did not arrive in time.');
      exchange.abort(late);
      call.sendStatus(this.refuse(exchange, late));
    }
    if (nowMs > exchange.dueMs + LINGER_MS) {
      const unread = new GatewayError(
        'DEADLINE_EXCEEDED',
        'The answer was not read in the time of the call.',
      );
      exchange.statusCode ??= status.DEADLINE_EXCEEDED;
      exchange.refusal ??= unread.reason;
      exchange.abort(unread);
      streamOf(call)?.close(constants.NGHTTP2_CANCEL);
    }
  }
}
