import { randomUUID } from 'node:crypto';
import type { OnApplicationShutdown } from '@nestjs/common';
import {
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import type { Random } from '../core/random.js';
import { attemptSpans, callSpan, type SpanSketch } from './call-spans.js';
import { type Metrics, VERSION } from './metrics.js';
import type { SpanExport } from './span-export.js';
import type { TracesConfig } from './traces.config.js';
import type { Traces } from './traces.js';

/** Spans that may wait or be under way; those of later calls are dropped. */
const MAX_SPANS = 2_048;
/** Writing a span as JSON takes some 10 us, in which nothing else happens. */
const MAX_BATCH_SPANS = 128;
const MAX_ATTRIBUTE_CHARACTERS = 1_024;

/**
 * Makes the spans of a call at its end, from its record: one for the call and, within it, one for each attempt.
 * A call whose caller traces it follows the caller's choice; of the others a share is traced. Nothing of
 * OpenTelemetry is registered for the process. This file and what it imports is loaded where spans are wanted.
 */
export class OtlpTraces implements Traces, OnApplicationShutdown {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  #made = 0;
  #dropped = 0;

  constructor(
    private readonly config: TracesConfig,
    private readonly exporter: SpanExport,
    private readonly clock: Clock,
    private readonly random: Random,
    metrics: Metrics,
  ) {
    this.#provider = new TracerProvider({
      // Which calls are traced is decided before there is a span.
      sampler: new AlwaysOnSampler(),
      resource: resourceFromAttributes({
        'service.name': 'gemini-gateway',
        'service.version': VERSION,
        'service.instance.id': randomUUID(),
      }),
      spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_CHARACTERS },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter,
          maxQueueSize: MAX_SPANS,
          maxExportBatchSize: MAX_BATCH_SPANS,
          scheduledDelayMillis: config.exportIntervalMs,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('gemini-gateway', VERSION);
    metrics.pull('gateway_spans_total', 'Spans by what came of them.', ['result'], () => [
      { labels: { result: 'exported' }, value: exporter.exported },
      { labels: { result: 'failed' }, value: exporter.failed },
      { labels: { result: 'dropped' }, value: this.#dropped },
    ]);
  }

  ended(call: Call, endedMs: number): void {
    if (!(call.trace?.sampled ?? this.random() < this.config.sampleShare)) return;
    const count = 1 + call.record.attempts.length;
    if (this.#waiting + count > MAX_SPANS) {
      this.#dropped += count;
      return;
    }
    this.#made += count;
    const wallOffsetMs = this.clock.wallMs() - this.clock.monotonicMs();
    const write = (sketch: SpanSketch, kind: SpanKind, parent: Context): Span =>
      this.#write(sketch, kind, parent, wallOffsetMs);
    const span = write(callSpan(call, endedMs), SpanKind.SERVER, parentOf(call));
    const within = trace.setSpan(ROOT_CONTEXT, span);
    for (const attempt of attemptSpans(call, endedMs)) write(attempt, SpanKind.CLIENT, within);
  }

  /** Spans made that are neither sent nor lost. */
  get #waiting(): number {
    return this.#made - this.exporter.exported - this.exporter.failed;
  }

  /** Sends what is left, within a bound. */
  async onApplicationShutdown(): Promise<void> {
    // What became of the last spans the exporter has counted.
    const sent = this.#provider.shutdown().catch(() => undefined);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.clock.after(this.config.flushTimeoutMs, resolve);
    await Promise.race([sent, late]);
    timer.clear();
    this.exporter.cut(this.#waiting);
  }

  #write(
    { name, startMs, endMs, attributes, error }: SpanSketch,
    kind: SpanKind,
    parent: Context,
    offsetMs: number,
  ): Span {
    const startTime = hrTime(startMs + offsetMs);
    const span = this.#tracer.startSpan(name, { kind, startTime, attributes }, parent);
    if (error !== undefined) {
      span.setAttribute('error.type', error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(hrTime(endMs + offsetMs));
    return span;
  }
}

function parentOf({ trace: caller }: Call): Context {
  if (caller === undefined) return ROOT_CONTEXT;
  const { traceId, parentSpanId: spanId } = caller;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

/** A bare number would be guessed at: one below the process's age counts from its start. */
function hrTime(wallMs: number): HrTime {
  const micros = Math.round(wallMs * 1_000);
  return [Math.floor(micros / 1_000_000), (micros % 1_000_000) * 1_000];
}
