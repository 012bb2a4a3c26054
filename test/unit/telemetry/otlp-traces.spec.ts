import { describe, expect, it } from '@jest/globals';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Call } from '../../../src/core/call.js';
import { CallRecord } from '../../../src/core/call-record.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { Metrics, VERSION } from '../../../src/telemetry/metrics.js';
import { OtlpTraces } from '../../../src/telemetry/otlp-traces.js';
import type { SpanExport } from '../../../src/telemetry/span-export.js';
import { TracesConfig } from '../../../src/telemetry/traces.config.js';
import { callFixture, configFixture, usageFixture } from '../../helpers/calls.js';
import { eventually } from '../../helpers/eventually.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { samplesOf } from '../../helpers/telemetry.js';

const WALL_MS = Date.UTC(2026, 10, 21, 12);
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

/** Traces whose exporter takes what it gets at once or, with `hold`, not until it is cut. */
function tracing(settings: Partial<TracesConfig> = {}, { hold = false, random = 0.5 } = {}) {
  const clock = new ManualClock(WALL_MS);
  clock.advance(10_000);
  const spans: ReadableSpan[] = [];
  const batches: number[] = [];
  const cuts: number[] = [];
  const held: (() => void)[] = [];
  const exporter = {
    exported: 0,
    failed: 0,
    export: (batch: ReadableSpan[], done: (result: { code: 0 }) => void) => {
      spans.push(...batch);
      batches.push(batch.length);
      if (hold) {
        held.push(() => done({ code: 0 }));
        return;
      }
      exporter.exported += batch.length;
      done({ code: 0 });
    },
    shutdown: () => (hold ? new Promise<void>(() => undefined) : Promise.resolve()),
    cut: (lost: number) => {
      cuts.push(lost);
      for (const release of held) release();
    },
  };
  const metrics = new Metrics();
  const traces = new OtlpTraces(
    Object.assign(new TracesConfig(), settings),
    exporter as unknown as SpanExport,
    clock,
    () => random,
    metrics,
  );
  const counted = async (result: string): Promise<unknown> =>
    samplesOf(await metrics.text()).get(`gateway_spans_total{result="${result}"}`);
  return { clock, traces, spans, batches, cuts, counted };
}

/** A call that came in at 9,000, failed once from 9,100 to 9,150, and ended in failure. */
function call(overrides: Partial<Call> = {}): Call {
  const record = new CallRecord(9_000);
  record.attempts.push({ target: 'p/m', afterMs: 100, tookMs: 50, error: 'UPSTREAM_OVERLOADED' });
  const error = new GatewayError('UPSTREAM_OVERLOADED', 'secret words');
  record.settle({ kind: 'failed', error, usage: usageFixture(0, 0) });
  return callFixture({ config: configFixture(new RoutingConfig()), record, ...overrides });
}

const instant = ([seconds, nanos]: readonly [number, number]): number => seconds * 1_000 + nanos / 1e6;

describe('OtlpTraces', () => {
  it('makes a server span of the call and within it a client span of each attempt, at wall time', async () => {
    const { traces, spans } = tracing({ sampleShare: 1 });
    traces.ended(call(), 10_000);
    await traces.onApplicationShutdown();
    const [server, client, ...more] = spans;
    expect(more).toEqual([]);
    expect(server).toMatchObject({ kind: 1, status: { code: 2 }, parentSpanContext: undefined });
    expect([server, client].map((span) => span && [instant(span.startTime), instant(span.endTime)])).toEqual([
      [WALL_MS + 9_000, WALL_MS + 10_000],
      [WALL_MS + 9_100, WALL_MS + 9_150],
    ]);
    expect(client).toMatchObject({ kind: 2, status: { code: 2 } });
    expect(client?.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
    expect(client?.spanContext().traceId).toBe(server?.spanContext().traceId);
    expect(server?.attributes['error.type']).toBe('UPSTREAM_OVERLOADED');
    expect(server?.status.message).toBeUndefined();
    expect(server?.resource.attributes).toMatchObject({
      'service.name': 'gemini-gateway',
      'service.version': VERSION,
    });
  });

  it('is part of the trace of its caller', async () => {
    const { traces, spans } = tracing({ sampleShare: 0 });
    traces.ended(call({ trace: { traceId: TRACE, parentSpanId: SPAN, sampled: true } }), 10_000);
    await traces.onApplicationShutdown();
    expect(spans.map((span) => span.spanContext().traceId)).toEqual([TRACE, TRACE]);
    expect(spans[0]?.parentSpanContext).toMatchObject({ spanId: SPAN, isRemote: true });
  });

  it.each([
    ['traces a share of the calls', 0.5, 0.49, undefined, 2],
    ['leaves the others', 0.5, 0.5, undefined, 0],
    ['traces none', 0, 0, undefined, 0],
    ['traces all', 1, 0.999_999, undefined, 2],
    ['leaves a call that its caller does not record', 1, 0, false, 0],
    ['traces a call that its caller records', 0, 0.999_999, true, 2],
  ])('%s (share %p, drawn %p)', async (_what, sampleShare, random, sampled, made) => {
    const { traces, spans } = tracing({ sampleShare }, { random });
    const trace = sampled === undefined ? {} : { trace: { traceId: TRACE, parentSpanId: SPAN, sampled } };
    traces.ended(call(trace), 10_000);
    await traces.onApplicationShutdown();
    expect(spans).toHaveLength(made);
  });

  it('drops what does not fit while nothing can be sent, and counts it', async () => {
    const { traces, clock, spans, cuts, counted } = tracing(
      { sampleShare: 1, flushTimeoutMs: 700 },
      { hold: true },
    );
    for (let made = 0; made < 1_500; made += 1) traces.ended(call(), 10_000);
    expect(await counted('dropped')).toBe(2 * 1_500 - 2_048);
    const closed = traces.onApplicationShutdown();
    expect(cuts).toEqual([]);
    clock.advance(699);
    expect(cuts).toEqual([]);
    clock.advance(1);
    await closed;
    expect(cuts).toEqual([2_048]);
    expect(spans).toHaveLength(2_048);
    expect([await counted('exported'), await counted('failed')]).toEqual([0, 0]);
  });

  it('has room again once spans were sent, a few at a time', async () => {
    const { traces, batches, counted } = tracing({ sampleShare: 1, exportIntervalMs: 1 });
    for (let made = 0; made < 1_024; made += 1) traces.ended(call(), 10_000);
    await eventually(async () => (await counted('exported')) === 2_048, 'the first spans');
    traces.ended(call(), 10_000);
    await traces.onApplicationShutdown();
    expect([await counted('exported'), await counted('dropped')]).toEqual([2_050, 0]);
    expect(Math.max(...batches)).toBe(128);
  });

  it('leaves no timer behind when all was sent', async () => {
    const { traces, clock, cuts } = tracing({ sampleShare: 1 });
    traces.ended(call(), 10_000);
    await traces.onApplicationShutdown();
    expect(clock.armed).toBe(0);
    expect(cuts).toEqual([0]);
  });

  it('bounds what one attribute may hold', async () => {
    const { traces, spans } = tracing({ sampleShare: 1 });
    traces.ended(call({ metadata: { feature: 'x'.repeat(5_000) } }), 10_000);
    await traces.onApplicationShutdown();
    expect(spans[0]?.attributes['gateway.feature']).toHaveLength(1_024);
  });
});
