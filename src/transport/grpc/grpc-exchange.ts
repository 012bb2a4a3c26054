import { Metadata, type ServerInterceptingCallInterface, type status } from '@grpc/grpc-js';
import type { Clock } from '../../core/clock.js';
import type { Head } from '../../core/generation.js';
import { answerHeaders } from '../http/answer-headers.js';
import { Exchange } from '../shared/exchange.js';
import type { Place } from '../shared/request-room.js';
import type { PingGuard } from './ping-guard.js';

/** One gRPC call with what the edge knows about it. */
export class GrpcExchange extends Exchange {
  /** Its place among the requests in flight, once it was let in. */
  place: Place | undefined;
  /** Who answers, once it is known. */
  head: Head | undefined;
  /** gRPC status code that ended the call; undefined while nothing did. */
  statusCode: status | undefined;
  /** Whether the whole request has arrived. */
  received = false;
  /** Monotonic time at which the caller stops waiting; known once a call was made. */
  dueMs = Infinity;

  constructor(
    id: string,
    startedMs: number,
    /** `/package.Service/Method`. */
    readonly path: string,
    readonly call: ServerInterceptingCallInterface,
    /** Counts the pings of the call's connection. */
    readonly pings: PingGuard | undefined,
  ) {
    super(id, startedMs);
  }

  /** What the caller's deadline leaves of time; Infinity without one, negative once it has passed. */
  timeoutMs(clock: Clock): number {
    return Number(this.call.getDeadline()) - clock.wallMs();
  }

  /** What goes before the first message: the call's id, and who answers. */
  answerMetadata(): Metadata {
    const id = { 'x-request-id': this.id };
    return new InitialMetadata(this.head === undefined ? id : { ...id, ...answerHeaders(this.head) });
  }
}

/** Metadata that is written as it is: all of it is ours, and need not be checked for each call. */
class InitialMetadata extends Metadata {
  constructor(private readonly headers: Readonly<Record<string, string>>) {
    super();
  }

  override toHttp2Headers(): Record<string, string> {
    return { ...this.headers };
  }
}
