import { describe, expect, it } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import { CallRecord } from '../../../src/core/call-record.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { CallMetrics } from '../../../src/telemetry/call-metrics.js';
import { Metrics } from '../../../src/telemetry/metrics.js';
import { RequestLog, type RequestLogEntry } from '../../../src/telemetry/request-log.js';
import { finishFixture, usageFixture } from '../../helpers/calls.js';
import { TelemetryConfig } from '../../../src/telemetry/telemetry.config.js';
import { ManualClock } from '../../helpers/manual-clock.js';

function log(
  entry: (record: CallRecord, clock: ManualClock) => Partial<RequestLogEntry>,
  requestLog = true,
  metrics = new CallMetrics(new Metrics()),
) {
  const lines: Record<string, unknown>[] = [];
  const logger = { setContext: () => undefined, info: (line: Record<string, unknown>) => lines.push(line) };
  const clock = new ManualClock();
  clock.advance(100);
  const record = new CallRecord(100);
  const given = entry(record, clock);
  const config = Object.assign(new TelemetryConfig(), { requestLog });
  new RequestLog(logger as unknown as PinoLogger, clock, config, metrics).write({
    id: 'r-1',
    route: '/v1/generate',
    statusCode: 200,
    record,
    ...given,
  });
  return lines;
}

describe('RequestLog', () => {
  it('writes one line with everything about an answered call', () => {
    const lines = log((record, clock) => {
      record.attempts.push({
        afterMs: 0,
        tookMs: 0,
        target: 'p0/m',
        error: 'UPSTREAM_OVERLOADED',
        usage: usageFixture(2, 0),
      });
      record.attempts.push({ afterMs: 0, tookMs: 0, target: 'p/m' });
      record.target = 'p/m';
      record.model = 'm';
      clock.advance(12.34);
      record.firstEventMs = clock.monotonicMs();
      clock.advance(100);
      const usage = { ...usageFixture(3, 5), thoughtsTokens: 7, cachedTokens: 1 };
      record.settle({ kind: 'completed', finish: finishFixture({ usage, finishReason: 'STOP' }), usage });
      const principal = { keyId: 'k', tenant: 't', team: 'blue', user: 'u', scopes: [] };
      return { principal, task: 'chat', feature: 'search', traceId: 'abc' };
    });
    expect(lines).toEqual([
      {
        request_id: 'r-1',
        trace_id: 'abc',
        route: '/v1/generate',
        task_type: 'chat',
        model_used: 'm',
        target: 'p/m',
        latency_ms: 112.3,
        ttft_ms: 12.3,
        status_code: 200,
        retry_count: 1,
        input_tokens: 5,
        output_tokens: 5,
        thoughts_tokens: 7,
        cached_tokens: 1,
        team_id: 'blue',
        feature: 'search',
        finish_reason: 'STOP',
        outcome: 'ok',
      },
    ]);
  });

  it.each([
    ['blocked', finishFixture({ verdict: 'blocked' })],
    ['truncated', finishFixture({ verdict: 'truncated' })],
  ])('calls an answer %s by its verdict', (outcome, finish) => {
    const [line] = log((record) => {
      record.settle({ kind: 'completed', finish, usage: finish.usage });
      return {};
    });
    expect(line).toMatchObject({ outcome, finish_reason: 'STOP' });
  });

  it('calls a failure by its reason, and shows no message', () => {
    const [line] = log((record) => {
      const error = new GatewayError('UPSTREAM_AUTH', 'secret words');
      record.settle({ kind: 'failed', error, usage: usageFixture(0, 0) });
      return { statusCode: 502 };
    });
    expect(line).toMatchObject({ outcome: 'UPSTREAM_AUTH', status_code: 502, retry_count: 0 });
    expect(line?.['finish_reason']).toBeUndefined();
    expect(JSON.stringify(line)).not.toContain('secret words');
  });

  it('tells who left, what was refused without a call, and what was neither', () => {
    const left = log((record) => {
      record.settle({ kind: 'abandoned', usage: usageFixture(0, 0) });
      return { statusCode: 499 };
    });
    expect(left[0]).toMatchObject({ outcome: 'abandoned' });
    expect(log(() => ({ refusal: 'UNAUTHENTICATED' }))[0]).toMatchObject({ outcome: 'UNAUTHENTICATED' });
    expect(log(() => ({}))[0]).toMatchObject({ outcome: 'ok', ttft_ms: undefined });
  });

  it('writes nothing where it is turned off', () => {
    expect(log(() => ({}), false)).toEqual([]);
  });

  it.each([true, false])(
    'counts what came to no call, and nothing else (lines written: %s)',
    async (lines) => {
      const metrics = new Metrics();
      const calls = new CallMetrics(metrics);
      log(() => ({ refusal: 'UNAUTHENTICATED' }), lines, calls);
      log(() => ({}), lines, calls);
      log(
        (record) => {
          record.settle({ kind: 'abandoned', usage: usageFixture(0, 0) });
          return { refusal: 'CANCELLED' };
        },
        lines,
        calls,
      );
      const text = await metrics.text();
      expect(text.match(/^gateway_refusals_total.*$/gm)).toEqual([
        'gateway_refusals_total{reason="UNAUTHENTICATED"} 1',
      ]);
    },
  );
});
