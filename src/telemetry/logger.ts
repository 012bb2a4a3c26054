import { Injectable } from '@nestjs/common';
import { Logger, type Params } from 'nestjs-pino';
import pino from 'pino';

/**
 * Settings of the logger: JSON lines, written in the background. No line is made per request here: the request
 * log has its own, and no middleware runs for it.
 */
export function loggerParams(level: string, to?: NodeJS.WritableStream): Params {
  const destination =
    to ?? pino.destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: 1_000 });
  return {
    pinoHttp: [
      {
        level,
        autoLogging: false,
        base: { service: 'gemini-gateway' },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ],
    forRoutes: [],
  };
}

/** The framework's own messages; what it says about its start is for tracing. */
@Injectable()
export class FrameworkLogger extends Logger {
  override log(message: unknown, ...rest: unknown[]): void {
    this.verbose(message, ...rest);
  }
}
