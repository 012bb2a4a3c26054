import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { PinoLogger } from 'nestjs-pino';
import { Clock } from '../core/clock.js';
import { primed, settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Outcome } from '../core/outcome.js';
import { AttemptRing, type Candidate } from '../resilience/attempt-ring.js';
import { TREATMENTS, troubleOf } from '../resilience/trouble.js';
import { needsOf } from './capabilities.js';
import { LatencyBook } from './latency-book.js';
import { RoutePlanner } from './route-planner.js';
import { targetName, type Target } from './target.js';

/**
 * Sends a call to the targets of its plan until one produced a first event; in which order and how often is the
 * attempt ring's. Each attempt starts from the original request and is written to the call's record.
 */
@Injectable()
export class Dispatcher {
  constructor(
    private readonly planner: RoutePlanner,
    private readonly ring: AttemptRing,
    private readonly latencies: LatencyBook,
    @Inject(Clock) private readonly clock: Clock,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('dispatch');
  }

  /** Rejects with the GatewayError of the last attempt, or with why there was none. */
  async dispatch(call: Call): Promise<Generation> {
    const { targets, skipped } = this.planner.plan(call);
    call.record.plan = targets.map(({ target, score }) => ({
      target: targetName(target),
      ...(score === undefined ? {} : { score }),
    }));
    call.record.skipped.push(...skipped);
    const generation = await this.ring.run(
      call,
      targets.map(({ target }, index): Candidate => {
        const { model, upstream } = target;
        const attempt = (number: number) =>
          this.#recorded(call, target, { attempts: number, fallback: index > 0 });
        const name = targetName(target);
        // An answer made beforehand may be called as a model is, and still comes after its retries.
        return { name, group: upstream ? model : name, upstream, attempt };
      }),
    );
    return settled(generation, (outcome) => this.#observe(call, outcome));
  }

  async #recorded(call: Call, target: Target, place: Place): Promise<Generation> {
    const { record } = call;
    const startedMs = this.clock.monotonicMs();
    const attempted = () => ({
      target: targetName(target),
      afterMs: startedMs - record.startedMs,
      tookMs: this.clock.monotonicMs() - startedMs,
    });
    try {
      const generation = await this.#attempt(call, target, place);
      record.attempts.push(attempted());
      return generation;
    } catch (thrown) {
      const error = this.#ownBound(call, GatewayError.from(thrown));
      const { reason, usage, retryAfterMs, metadata } = error;
      const trouble = troubleOf(error);
      record.attempts.push({
        ...attempted(),
        error: reason,
        trouble,
        ...(TREATMENTS[trouble].alert ? { alert: true as const } : {}),
        ...(usage === undefined ? {} : { usage }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        ...(metadata.upstreamReason === undefined ? {} : { upstreamReason: metadata.upstreamReason }),
      });
      this.#tell(call, target, error);
      throw error;
    }
  }

  /** A target that used up its own time has not used up the call's: another may have the rest. */
  #ownBound({ deadlineMs }: Call, error: GatewayError): GatewayError {
    if (error.reason !== 'DEADLINE_EXCEEDED' || this.clock.monotonicMs() >= deadlineMs) return error;
    const { message, metadata, usage, cause } = error;
    return new GatewayError('UPSTREAM_UNAVAILABLE', message, {
      cause,
      metadata: { timeout: 'total', ...metadata },
      ...(usage === undefined ? {} : { usage }),
    });
  }

  #observe({ record, stream }: Call, outcome: Outcome): void {
    const attempt = record.attempts.at(-1);
    if (outcome.kind !== 'completed' || attempt === undefined) return;
    const { outputTokens, thoughtsTokens } = outcome.usage;
    this.latencies.observe(attempt.target, {
      stream,
      firstEventMs: attempt.tookMs,
      totalMs: this.clock.monotonicMs() - record.startedMs - attempt.afterMs,
      outputTokens: outputTokens + thoughtsTokens,
    });
  }

  /** What operators must hear of at once; everything else is in the request's line and its explanation. */
  #tell({ id, request }: Call, target: Target, error: GatewayError): void {
    const trouble = troubleOf(error);
    const about = { request_id: id, target: targetName(target), trouble, ...error.metadata };
    if (TREATMENTS[trouble].alert) this.logger.error(about, 'a target does not get better by itself');
    if (trouble === 'timeout') {
      this.logger.warn(
        { ...about, least_input_tokens: needsOf(request).leastInputTokens },
        'a target was too slow',
      );
    }
  }

  async #attempt(call: Call, target: Target, place: Place): Promise<Generation> {
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
    return primed({ head: { project, model, ...place, cache: 'bypass' }, events });
  }
}

/** Where an attempt stands: its number over the call, and whether its target is not the plan's first. */
interface Place {
  readonly attempts: number;
  readonly fallback: boolean;
}
