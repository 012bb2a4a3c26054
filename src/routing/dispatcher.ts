import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { primed } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import { RoutePlanner } from './route-planner.js';
import { targetName, type Target } from './target.js';

/**
 * Sends a call to the targets of its plan, one after another, until one produced a first event. Nothing is tried
 * again after that, nor after a failure that another target would repeat, nor once the caller left or its
 * deadline passed. Each attempt starts from the original request.
 */
@Injectable()
export class Dispatcher {
  constructor(
    private readonly planner: RoutePlanner,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Rejects with the GatewayError of the last attempt, or with why there was none. */
  async dispatch(call: Call): Promise<Generation> {
    const { targets } = this.planner.plan(call);
    let failure: GatewayError | undefined;
    for (const [index, target] of targets.entries()) {
      this.#assertWanted(call);
      try {
        const generation = await this.#attempt(call, target, index);
        call.record.attempts.push({ target: targetName(target) });
        return generation;
      } catch (thrown) {
        failure = GatewayError.from(thrown);
        call.record.attempts.push({
          target: targetName(target),
          error: failure.reason,
          ...(failure.usage === undefined ? {} : { usage: failure.usage }),
        });
        if (!failure.retryable || call.signal.aborted) throw failure;
      }
    }
    throw failure ?? new GatewayError('NO_TARGET', 'No configured target can answer this call.');
  }

  async #attempt(call: Call, target: Target, index: number): Promise<Generation> {
    const request = target.prepare(call.request);
    const events = await target.provider.generate({
      operation: call.operation,
      stream: call.stream,
      model: target.upstreamModel,
      request,
      ...(request === call.request && call.requestText !== undefined
        ? { requestText: call.requestText }
        : {}),
      timeouts: {
        ...target.timeouts,
        totalMs: Math.min(target.timeouts.totalMs, call.deadlineMs - this.clock.monotonicMs()),
      },
      signal: call.signal,
    });
    const { project, model } = target;
    return primed({
      head: { project, model, attempts: index + 1, fallback: index > 0, cache: 'bypass' },
      events,
    });
  }

  #assertWanted(call: Call): void {
    if (call.signal.aborted) {
      throw call.signal.reason instanceof GatewayError
        ? call.signal.reason
        : new GatewayError('CANCELLED', 'The caller went away.');
    }
    if (this.clock.monotonicMs() >= call.deadlineMs) {
      throw new GatewayError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.');
    }
  }
}
