import { Inject, Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import type {
  CacheDirectives,
  Call,
  CallMetadata,
  Operation,
  Principal,
  Priority,
  Surface,
  TraceContext,
} from '../core/call.js';
import type { CallRecord } from '../core/call-record.js';
import { Clock } from '../core/clock.js';
import type { JsonObject } from '../core/json.js';
import { RoutingConfig } from '../routing/routing.config.js';
import { assertAnswerable } from './request-check.js';

/** What a surface knows about a call. */
export interface CallInput {
  readonly id: string;
  readonly principal: Principal;
  readonly surface: Surface;
  readonly operation: Operation;
  readonly stream: boolean;
  readonly request: Readonly<JsonObject>;
  readonly requestText?: string;
  readonly task?: string;
  readonly model?: string;
  readonly priority?: Priority;
  /** The caller's own deadline; one longer than the task's is cut to it. */
  readonly timeoutMs?: number;
  readonly metadata?: CallMetadata;
  readonly cache?: CacheDirectives;
  readonly trace?: TraceContext;
  readonly signal: AbortSignal;
  readonly record: CallRecord;
}

/** Makes calls: under the configuration of the moment, with the deadline and priority of their task. */
@Injectable()
export class CallFactory {
  constructor(
    private readonly store: ConfigStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Throws INVALID_REQUEST for a request that no upstream could answer. */
  create({ timeoutMs, priority, metadata, ...input }: CallInput): Call {
    assertAnswerable(input.operation, input.request);
    const config = this.store.current();
    const { tasks, callTimeoutMs } = config.get(RoutingConfig);
    const task = input.task !== undefined && Object.hasOwn(tasks, input.task) ? tasks[input.task] : undefined;
    const longestMs = task?.timeoutMs ?? callTimeoutMs;
    return {
      ...input,
      config,
      priority: priority ?? task?.priority ?? 'standard',
      deadlineMs: this.clock.monotonicMs() + Math.min(timeoutMs ?? longestMs, longestMs),
      metadata: metadata ?? {},
    };
  }
}
