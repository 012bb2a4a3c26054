import { Global, Module } from '@nestjs/common';
import { CallMetrics } from './call-metrics.js';
import { Explanations } from './explanations.js';
import { Metrics } from './metrics.js';
import { RequestLog } from './request-log.js';
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
    { provide: Traces, useValue: NO_TRACES },
  ],
  exports: [TelemetryPolicy, RequestLog, Explanations, Metrics],
})
export class TelemetryModule {}
