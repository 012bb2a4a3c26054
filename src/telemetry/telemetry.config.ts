import { IsBoolean, IsIn } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

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
}
