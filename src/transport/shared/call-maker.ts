import { Injectable } from '@nestjs/common';
import type { Call } from '../../core/call.js';
import type { Generation } from '../../core/generation.js';
import { CallFactory, type CallInput } from '../../gemini/call-factory.js';
import { GeminiService } from '../../gemini/gemini.service.js';
import { RoutingConfig } from '../../routing/routing.config.js';
import type { Exchange } from './exchange.js';

/** What a route says about a call; who calls, in which trace and with which signal is the exchange's. */
export type RouteCall = Omit<CallInput, 'id' | 'principal' | 'signal' | 'record' | 'trace'>;

/** A generation with the call that it answers. */
export interface Answering {
  readonly call: Call;
  readonly generation: Generation;
}

/** Where the routes of every surface enter the request path. */
@Injectable()
export class CallMaker {
  constructor(
    private readonly calls: CallFactory,
    private readonly service: GeminiService,
  ) {}

  /** Makes the call that a request asks for. Rejects with a GatewayError. */
  async make(exchange: Exchange, input: RouteCall): Promise<Answering> {
    exchange.feature = input.metadata?.feature;
    const cache = exchange.cache === undefined ? input.cache : { ...exchange.cache, ...input.cache };
    const call = this.calls.create({
      ...input,
      ...(cache === undefined ? {} : { cache }),
      ...(exchange.trace === undefined ? {} : { trace: exchange.trace }),
      id: exchange.id,
      principal: exchange.caller,
      signal: exchange.signal,
      record: exchange.record,
    });
    // What is no configured task is the caller's text, and no text of callers goes into logs.
    if (call.task !== undefined && Object.hasOwn(call.config.get(RoutingConfig).tasks, call.task)) {
      exchange.task = call.task;
    }
    exchange.calling = true;
    return { call, generation: await this.service.generate(call) };
  }
}
