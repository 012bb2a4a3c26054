import type { FastifyRequest } from 'fastify';
import type { Principal } from '../../core/call.js';
import { CallRecord } from '../../core/call-record.js';
import { GatewayError, type Reason } from '../../core/gateway-error.js';
import type { HttpSurface } from './http-surface.js';

/** One HTTP request with what the edge knows about it. Lives as long as the request. */
export class HttpExchange {
  readonly record: CallRecord;
  readonly #controller = new AbortController();
  principal: Principal | undefined;
  /** Configured task and feature that the caller named, for the request's log line. */
  task: string | undefined;
  feature: string | undefined;

  /** Why the request failed before a call was made for it. */
  refusal: Reason | undefined;
  /** True once a call was made for the request: then `record` settles. */
  calling = false;

  constructor(
    readonly id: string,
    readonly surface: HttpSurface | undefined,
    startedMs: number,
  ) {
    this.record = new CallRecord(startedMs);
  }

  /** Aborts when the caller goes away or the gateway cuts the request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The authenticated caller. Routes of a surface always have one. */
  get caller(): Principal {
    if (this.principal === undefined) throw new GatewayError('UNAUTHENTICATED', 'An API key is needed.');
    return this.principal;
  }

  /** Ends whatever is done for the request. */
  abort(reason: GatewayError): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }
}

const exchanges = new WeakMap<FastifyRequest, HttpExchange>();

/** Ties an exchange to its request. */
export function bindExchange(request: FastifyRequest, exchange: HttpExchange): void {
  exchanges.set(request, exchange);
}

/** The exchange of a request. Throws INTERNAL for a request that the edge has not seen. */
export function exchangeOf(request: FastifyRequest): HttpExchange {
  const exchange = exchanges.get(request);
  if (exchange === undefined) throw new GatewayError('INTERNAL', 'The request has no exchange.');
  return exchange;
}
