import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CallMaker, type Answering, type RouteCall } from '../shared/call-maker.js';
import { exchangeOf } from './exchange.js';

export type { Answering, RouteCall } from '../shared/call-maker.js';

/** Where HTTP routes enter the request path. */
@Injectable()
export class CallEntry {
  constructor(private readonly calls: CallMaker) {}

  /** Makes the call that a request asks for. Rejects with a GatewayError. */
  make(request: FastifyRequest, input: RouteCall): Promise<Answering> {
    return this.calls.make(exchangeOf(request), input);
  }
}
