import type { CallRecord } from './call-record.js';
import type { ConfigSnapshot } from './config-snapshot.js';
import type { JsonObject } from './json.js';

/** What is asked of the upstream. */
export type Operation = 'generate' | 'count_tokens' | 'embed' | 'batch_embed';

/** How the caller spoke to the gateway. */
export type Surface = 'rest' | 'gemini' | 'openai' | 'anthropic' | 'grpc';

/** Who calls. */
export interface Principal {
  /** Id of the API key; never the key. */
  readonly keyId: string;
  readonly tenant: string;
  readonly team: string;
  readonly user?: string;
  readonly scopes: readonly string[];
}

/** Which class of traffic a call belongs to. */
export type Priority = 'interactive' | 'standard' | 'batch';

/** What the caller says about the call. */
export interface CallMetadata {
  /** Product feature on whose behalf the call is made. */
  readonly feature?: string;
  /** End user on whose behalf the call is made, as the caller names them. */
  readonly user?: string;
  /** Conversation that the call belongs to, as the caller names it. */
  readonly conversation?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What the caller says about stored answers. */
export interface CacheDirectives {
  /** For how long the answer may be given to others; has the cache used where the task does not. */
  readonly ttlMs?: number;
  /** Stored answers that are older do not count. */
  readonly maxAgeMs?: number;
  /** No stored answer counts; the new one takes its place. */
  readonly forceRefresh?: boolean;
  /** The answer is not stored. */
  readonly noStore?: boolean;
  /** A stored answer or none. */
  readonly onlyIfCached?: boolean;
}

/** Place of a call within its caller's trace (W3C Trace Context). Identifiers are lower-case hexadecimal. */
export interface TraceContext {
  readonly traceId: string;
  /** Span of the caller that the call is part of. */
  readonly parentSpanId: string;
  /** Whether the caller records the trace. */
  readonly sampled: boolean;
}

/** A schema of the configuration. */
export interface SchemaName {
  readonly name: string;
  /** The newest unless given. */
  readonly version?: string;
}

/**
 * One request on its way through the gateway, whatever surface it came from. Immutable: what happens to it is
 * written to `record`, and each attempt starts from `request` again.
 */
export interface Call {
  /** Unique per request; callers see it as `x-request-id`. */
  readonly id: string;
  /** The configuration under which the call started; it sees this one to its end. */
  readonly config: ConfigSnapshot;
  readonly principal: Principal;
  readonly surface: Surface;
  readonly operation: Operation;
  /** Whether the caller reads the answer piece by piece. */
  readonly stream: boolean;
  /** The request in Gemini's own JSON shape, unknown fields kept. */
  readonly request: Readonly<JsonObject>;
  /** The very text that `request` was parsed from, where the caller spoke Gemini's dialect. */
  readonly requestText?: string;
  /** A configured schema that the answer is to follow, in place of one in `request`. */
  readonly schema?: SchemaName;
  /** Name of a configured task. At least one of `task` and `model` is set. */
  readonly task?: string;
  /** Model asked for by name, without `models/`. */
  readonly model?: string;
  readonly priority: Priority;
  /** Monotonic time at which the caller stops waiting. */
  readonly deadlineMs: number;
  readonly metadata: CallMetadata;
  /** What the caller says about stored answers. */
  readonly cache?: CacheDirectives;
  /** Prompt and version that the request was made from, as `name@version`. */
  readonly prompt?: string;
  /** The caller's trace, where it sent one. */
  readonly trace?: TraceContext;
  /** Aborts when the caller leaves or the gateway gives the call up. One controller per call. */
  readonly signal: AbortSignal;
  /** What happened to the call so far. */
  readonly record: CallRecord;
}
