import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import type { Principal } from '../core/call.js';
import type { CallRecord } from '../core/call-record.js';
import { Clock } from '../core/clock.js';
import type { Reason } from '../core/gateway-error.js';
import { sectionToken } from '../config/config.module.js';
import { CallMetrics } from './call-metrics.js';
import { outcomeName } from './explanations.js';
import { TelemetryConfig } from './telemetry.config.js';

/** A request that is over. */
export interface RequestLogEntry {
  readonly id: string;
  /** Trace that the caller made the request in. */
  readonly traceId?: string;
  /** Route as declared; never the URL, which may hold a key. */
  readonly route: string;
  readonly statusCode: number;
  readonly record: CallRecord;
  /** Why the request failed, where no call was made for it. */
  readonly refusal?: Reason;
  readonly principal?: Principal;
  readonly task?: string;
  readonly feature?: string;
}

/**
 * One line for each request, with what it cost and how it ended; never content, keys or messages. Requests that
 * came to no call are counted here, as no policy sees them.
 */
@Injectable()
export class RequestLog {
  constructor(
    private readonly logger: PinoLogger,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(sectionToken(TelemetryConfig)) private readonly config: TelemetryConfig,
    private readonly metrics: CallMetrics,
  ) {
    logger.setContext('request');
  }

  write({
    id,
    traceId,
    route,
    statusCode,
    record,
    refusal,
    principal,
    task,
    feature,
  }: RequestLogEntry): void {
    if (refusal !== undefined && record.outcome === undefined) this.metrics.refused(refusal);
    if (!this.config.requestLog) return;
    const { outcome, attempts, startedMs, firstEventMs, waitedMs } = record;
    const usage = record.usage();
    this.logger.info({
      request_id: id,
      trace_id: traceId,
      route,
      task_type: task,
      model_used: record.model,
      target: record.target,
      latency_ms: round(this.clock.monotonicMs() - startedMs),
      ttft_ms: firstEventMs === undefined ? undefined : round(firstEventMs - startedMs),
      waited_ms: waitedMs === 0 ? undefined : round(waitedMs),
      status_code: statusCode,
      cache: record.cache?.state,
      cache_tier: record.cache?.tier,
      retry_count: Math.max(0, attempts.length - 1),
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      thoughts_tokens: usage.thoughtsTokens,
      cached_tokens: usage.cachedTokens,
      team_id: principal?.team,
      feature,
      finish_reason: outcome?.kind === 'completed' ? outcome.finish.finishReason : undefined,
      outcome: outcome === undefined ? (refusal ?? 'ok') : outcomeName(outcome),
    });
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
