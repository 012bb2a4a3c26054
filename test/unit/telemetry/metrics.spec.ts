import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { register } from 'prom-client';
import { CallMetrics } from '../../../src/telemetry/call-metrics.js';
import { Metrics } from '../../../src/telemetry/metrics.js';
import { processMetrics } from '../../../src/telemetry/process-metrics.js';
import { eventually } from '../../helpers/eventually.js';
import { samplesOf } from '../../helpers/telemetry.js';

describe('Metrics', () => {
  it('reads the state of modules at each scrape, and forgets what is gone', async () => {
    const metrics = new Metrics();
    let state: [string, number][] = [['a/m', 1]];
    metrics.pull('gateway_target_health', 'Health.', ['target'], () =>
      state.map(([target, value]) => ({ labels: { target }, value })),
    );
    expect(await metrics.text()).toContain(
      '# HELP gateway_target_health Health.\n# TYPE gateway_target_health gauge\ngateway_target_health{target="a/m"} 1\n',
    );
    state = [['b/m', 0.5]];
    const later = samplesOf(await metrics.text());
    expect(later.get('gateway_target_health{target="b/m"}')).toBe(0.5);
    expect(later.has('gateway_target_health{target="a/m"}')).toBe(false);
  });

  it('shows counts that modules keep as counters, each scrape the count itself', async () => {
    const metrics = new Metrics();
    let count = 3;
    metrics.pull('gateway_spills_total', 'Spills.', [], () => [{ labels: {}, value: count }]);
    await metrics.text();
    count = 5;
    const text = await metrics.text();
    expect(text).toContain('# TYPE gateway_spills_total counter\ngateway_spills_total 5\n');
  });

  it('refuses a name that is taken', () => {
    const metrics = new Metrics();
    metrics.pull('gateway_thing', 'One.', [], () => []);
    expect(() => metrics.pull('gateway_thing', 'Two.', [], () => [])).toThrow('already been registered');
  });

  it('is one per gateway, and leaves the registry of the process alone', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    const counting = new CallMetrics(one);
    counting.refused('INTERNAL');
    expect(() => new CallMetrics(other)).not.toThrow();
    expect(await one.text()).toContain('gateway_refusals_total{reason="INTERNAL"} 1');
    expect(await other.text()).not.toContain('INTERNAL');
    expect(await register.metrics()).toBe('\n');
  });

  it('tells the version, and what the process needs', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const metrics = new Metrics();
    const lag = 'nodejs_eventloop_lag_p50_seconds';
    await eventually(async () => Number(samplesOf(await metrics.text()).get(lag)) > 0, 'a turn of the loop');
    const text = await metrics.text();
    expect(samplesOf(text).get(`gateway_build_info{version="${version}"}`)).toBe(1);
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_open_fds',
      'nodejs_heap_size_used_bytes',
    ])
      expect(samplesOf(text).get(name)).toBeGreaterThan(0);
    expect(samplesOf(text).has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
    expect(text).toContain('# TYPE nodejs_gc_duration_seconds histogram');
    expect(text).not.toContain('nodejs_active_');
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('measures the process once, however many gateways show it', () => {
    expect(processMetrics()).toBe(processMetrics());
  });
});
