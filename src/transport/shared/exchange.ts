import { CallRecord } from '../../core/call-record.js';
import type { CacheDirectives, Principal, TraceContext } from '../../core/call.js';
import { GatewayError, type Reason } from '../../core/gateway-error.js';
import type { RequestLogEntry } from '../../telemetry/request-log.js';

/** One request of whatever surface, with what its edge knows about it. Lives as long as the request. */
export class Exchange {
  readonly record: CallRecord;
  readonly #controller = new AbortController();
  principal: Principal | undefined;
  /** The caller's trace. */
  trace: TraceContext | undefined;
  /** What the caller says about stored answers, beside the body. */
  cache: CacheDirectives | undefined;
  /** Configured task and feature that the caller named, for the request's log line. */
  task: string | undefined;
  feature: string | undefined;

  /** Why the request failed before a call was made for it. */
  refusal: Reason | undefined;
  /** True once a call was made for the request: then `record` settles. */
  calling = false;

  constructor(
    readonly id: string,
    startedMs: number,
  ) {
    this.record = new CallRecord(startedMs);
  }

  /** Aborts when the caller goes away or the gateway cuts the request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The authenticated caller. Routes of a surface always have one. */
  get caller(): Principal {
    if (this.principal === undefined) throw new GatewayError('UNAUTHENTICATED', 'An API key is needed.');
    return this.principal;
  }

  /** Ends whatever is done for the request. */
  abort(reason: GatewayError): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  /** Calls back once the request is over: a call that was aborted settles a moment later, with what it used. */
  whenSettled(listener: () => void): void {
    if (this.calling) this.record.whenSettled(listener);
    else listener();
  }

  /** What the request's log line tells of it. */
  logEntry(route: string, statusCode: number, refusal: Reason | undefined): RequestLogEntry {
    const { id, record, trace, principal, task, feature } = this;
    return {
      id,
      route,
      statusCode,
      record,
      ...(trace === undefined ? {} : { traceId: trace.traceId }),
      ...(refusal === undefined ? {} : { refusal }),
      ...(principal === undefined ? {} : { principal }),
      ...(task === undefined ? {} : { task }),
      ...(feature === undefined ? {} : { feature }),
    };
  }
}

/** The caller's id where it is harmless in headers and logs; undefined where it is not. */
export function saneRequestId(given: unknown): string | undefined {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : undefined;
}
