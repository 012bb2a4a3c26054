import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { Doc, Nested } from '../config/field.decorator.js';
import { TracesConfig } from './traces.config.js';

/** What the gateway writes about itself. */
export class TelemetryConfig {
  static readonly section = 'telemetry';
  static readonly reloadable = false;

  @Doc('Least severity that is logged.')
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  logLevel: string = 'info';

  @Doc('One log line for each request.')
  @IsBoolean()
  requestLog: boolean = true;

  @Doc('How many of the last calls `GET /v1/requests/{id}/explain` can explain.')
  @IsInt()
  @Min(0)
  @Max(100_000)
  explainedRequests: number = 1_000;

  @Doc('Spans of calls, for a collector of OpenTelemetry.')
  @Nested(() => TracesConfig)
  traces: TracesConfig = new TracesConfig();
}
