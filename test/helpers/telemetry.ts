import { TelemetryConfig } from '../../src/telemetry/telemetry.config.js';
import { CallMetrics } from '../../src/telemetry/call-metrics.js';
import { Explanations } from '../../src/telemetry/explanations.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { TelemetryPolicy } from '../../src/telemetry/telemetry.policy.js';
import { NO_TRACES, type Traces } from '../../src/telemetry/traces.js';
import type { Clock } from '../../src/core/clock.js';

/** The policy with metrics of its own, and no spans unless given where they go. */
export function telemetryPolicy(
  clock: Clock,
  { metrics = new Metrics(), traces = NO_TRACES }: { metrics?: Metrics; traces?: Traces } = {},
): TelemetryPolicy {
  return new TelemetryPolicy(
    clock,
    new Explanations(new TelemetryConfig()),
    new CallMetrics(metrics),
    traces,
  );
}

/** The samples of a scrape, by name and labels as they are written; `# HELP` and `# TYPE` left out. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
