import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../../core/gateway-error.js';
import { Exchange } from '../shared/exchange.js';
import type { Place } from '../shared/request-room.js';
import type { HttpSurface } from './http-surface.js';

/** One HTTP request with what the edge knows about it. */
export class HttpExchange extends Exchange {
  /** Its place among the requests in flight, once it was let in. */
  place: Place | undefined;

  constructor(
    id: string,
    readonly surface: HttpSurface | undefined,
    startedMs: number,
  ) {
    super(id, startedMs);
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
