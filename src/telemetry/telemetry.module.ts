import { Global, Module } from '@nestjs/common';
import { Explanations } from './explanations.js';
import { RequestLog } from './request-log.js';
import { TelemetryPolicy } from './telemetry.policy.js';

/** What the gateway tells about itself. */
@Global()
@Module({
  providers: [TelemetryPolicy, RequestLog, Explanations],
  exports: [TelemetryPolicy, RequestLog, Explanations],
})
export class TelemetryModule {}
