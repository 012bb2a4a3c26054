import { Global, Module } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { sectionToken } from '../config/config.module.js';
import { SecretStore } from '../config/secrets.js';
import { Clock } from '../core/clock.js';
import { CallMetrics } from './call-metrics.js';
import { Explanations } from './explanations.js';
import { Metrics } from './metrics.js';
import { RequestLog } from './request-log.js';
import { TelemetryConfig } from './telemetry.config.js';
import { TelemetryPolicy } from './telemetry.policy.js';
import { NO_TRACES, Traces } from './traces.js';

/** What the gateway tells about itself. */
@Global()
@Module({
  providers: [
    TelemetryPolicy,
    RequestLog,
    Explanations,
    Metrics,
    CallMetrics,
    {
      provide: Traces,
      inject: [sectionToken(TelemetryConfig), SecretStore, Clock, PinoLogger, Metrics],
      useFactory: tracesOf,
    },
  ],
  exports: [TelemetryPolicy, RequestLog, Explanations, Metrics],
})
export class TelemetryModule {}

/** OpenTelemetry costs some 80 ms and 20 MB to load: that is for those who collect spans. */
async function tracesOf(
  { traces }: TelemetryConfig,
  secrets: SecretStore,
  clock: Clock,
  logger: PinoLogger,
  metrics: Metrics,
): Promise<Traces> {
  if (traces.otlpEndpoint === undefined) return NO_TRACES;
  const [{ OtlpTraces }, { SpanExport }] = await Promise.all([
    import('./otlp-traces.js'),
    import('./span-export.js'),
  ]);
  logger.setContext('traces');
  const exporter = new SpanExport(traces.otlpEndpoint, traces, secrets, clock, logger);
  return new OtlpTraces(traces, exporter, clock, Math.random, metrics);
}
