import { Global, Module } from '@nestjs/common';
import { RequestLog } from './request-log.js';
import { TelemetryPolicy } from './telemetry.policy.js';

/** What the gateway tells about itself. */
@Global()
@Module({ providers: [TelemetryPolicy, RequestLog], exports: [TelemetryPolicy, RequestLog] })
export class TelemetryModule {}
