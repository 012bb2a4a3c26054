import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import type { Call } from '../core/call.js';
import type { AttemptRecord } from '../core/call-record.js';
import { Clock } from '../core/clock.js';
import { primed, settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Outcome } from '../core/outcome.js';
import type { Candidate } from '../resilience/candidate.js';
import { TREATMENTS, troubleOf } from '../resilience/trouble.js';
import { needsOf } from './capabilities.js';
import { type ContextUse, mayLackContext } from './context-reuse.js';
import { Conversation } from './conversation.js';
import { LatencyBook } from './latency-book.js';
import { SignatureOrigins } from './signature-origins.js';
import { TargetQuota } from './target-quota.js';
import { targetName, type Target } from './target.js';
import type { TaskConfig } from './tasks.config.js';
import { UsableAnswers } from './usable-answers.js';

/** What one attempt of a call learns for the next. */
export interface CallAttempts {
  readonly conversation: Conversation;
  readonly usable: UsableAnswers;
}

/** One attempt to be made. */
export interface AttemptPlan extends CallAttempts {
  readonly target: Target;
  /** Its number over the call, from 1. */
  readonly number: number;
  /** Whether its target is not the plan's first. */
  readonly fallback: boolean;
  /** The beginning of the call's prompt, where that may be in a cache of Google's. */
  readonly context?: ContextUse | undefined;
  /** Aborts with the call, or earlier. */
  readonly signal: AbortSignal;
}

/** Makes attempts, writes each to the call's record, and tells operators of what they must hear of at once. */
@Injectable()
export class TargetAttempts {
  constructor(
    private readonly latencies: LatencyBook,
    private readonly origins: SignatureOrigins,
    private readonly quota: TargetQuota,
    @Inject(Clock) private readonly clock: Clock,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('dispatch');
  }

  /** What the attempts of one call have in common. */
  of(call: Call, task: TaskConfig | undefined): CallAttempts {
    return {
      conversation: new Conversation(call, this.origins),
      usable: new UsableAnswers(call, task?.failover.unusableAnswers ?? false),
    };
  }

  /** The quotas of a target for a call; undefined where nothing about it is limited. */
  quotaOf(call: Call, target: Target): Candidate['quota'] {
    return this.quota.of(call, target);
  }

  /** Makes one attempt, up to its first event. Rejects with a GatewayError. */
  async make(call: Call, plan: AttemptPlan): Promise<Generation> {
    const { record } = call;
    const { target, conversation, usable } = plan;
    const name = targetName(target);
    const startedMs = this.clock.monotonicMs();
    const prepared = target.prepare(call.request);
    const request = conversation.requestFor(name, prepared);
    const attempted = (): AttemptRecord => ({
      target: name,
      afterMs: startedMs - record.startedMs,
      tookMs: this.clock.monotonicMs() - startedMs,
      ...(request === prepared ? {} : { signaturesReplaced: true as const }),
    });
    try {
      const generation = await this.#attempt(call, plan, request);
      const attempt = attempted();
      record.attempts.push(attempt);
      return settled(
        generation,
        (outcome) => this.#observe(call, attempt, outcome),
        (chunk) => conversation.learn(name, chunk.value),
      );
    } catch (thrown) {
      const error = conversation.judged(this.#ownBound(call, GatewayError.from(thrown)), request);
      usable.failed(error);
      record.attempts.push(failed(attempted(), error));
      if (isOutrun(error)) this.latencies.tookLonger(name, call.stream, this.clock.monotonicMs() - startedMs);
      this.quota.learn(target, error);
      this.#tell(call, target, error);
      throw error;
    }
  }

  /** Asks without what the target has of the prompt, and once more with all of it where the target has lost that. */
  async #attempt(call: Call, plan: AttemptPlan, whole: AttemptRequest): Promise<Generation> {
    const { target, context } = plan;
    if (context === undefined) return this.#ask(call, plan, whole);
    const { request, kept } = context.requestFor(target, whole);
    if (kept !== undefined) {
      try {
        return context.answered(target, await this.#ask(call, plan, request), kept);
      } catch (thrown) {
        if (!mayLackContext(GatewayError.from(thrown))) throw thrown;
      }
    }
    const answer = await this.#ask(call, plan, whole);
    kept?.gone();
    return context.answered(target, answer);
  }

  async #ask(call: Call, plan: AttemptPlan, request: AttemptRequest): Promise<Generation> {
    const { target, number, fallback, usable, signal } = plan;
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
      signal,
    });
    const { project, model } = target;
    const head = { project, model, attempts: number, fallback, cache: 'bypass' as const };
    return primed({ head, events }, usable.judge);
  }

  /** A target that used up its own time has not used up the call's: another may have the rest. */
  #ownBound({ deadlineMs, signal }: Call, error: GatewayError): GatewayError {
    if (error.reason !== 'DEADLINE_EXCEEDED' || signal.aborted || this.clock.monotonicMs() >= deadlineMs)
      return error;
    const { message, metadata, usage, cause } = error;
    return new GatewayError('UPSTREAM_UNAVAILABLE', message, {
      cause,
      metadata: { timeout: 'total', ...metadata },
      ...(usage === undefined ? {} : { usage }),
    });
  }

  #observe({ record, stream }: Call, attempt: AttemptRecord, outcome: Outcome): void {
    if (outcome.kind !== 'completed') return;
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
}

type AttemptRequest = Call['request'];

function failed(attempt: AttemptRecord, error: GatewayError): AttemptRecord {
  const { reason, usage, retryAfterMs, metadata } = error;
  const trouble = troubleOf(error);
  return {
    ...attempt,
    error: reason,
    trouble: isOutrun(error) ? 'outrun' : trouble,
    ...(TREATMENTS[trouble].alert ? { alert: true as const } : {}),
    ...(usage === undefined ? {} : { usage }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(metadata.upstreamReason === undefined ? {} : { upstreamReason: metadata.upstreamReason }),
  };
}

/** Whether an attempt was given up because another was faster. */
function isOutrun({ metadata }: GatewayError): boolean {
  return metadata['outrun'] === true;
}
