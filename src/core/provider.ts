import type { Operation } from './call.js';
import type { GenerationEvent } from './generation.js';
import type { JsonObject } from './json.js';

/** Bounds of one upstream call, each its own timer. Connecting is bounded by the provider's agent. */
export interface AttemptTimeouts {
  /** From sending the request to the first event (for unary calls, to the answer). */
  readonly firstEventMs: number;
  /** Between two events of a stream. */
  readonly idleGapMs: number;
  /** From sending the request to the last event. */
  readonly totalMs: number;
}

/** One upstream call to be made. */
export interface Attempt {
  readonly operation: Operation;
  readonly stream: boolean;
  /** Model as the upstream names it, without `models/`. */
  readonly model: string;
  /** Gemini's own JSON shape, generation defaults applied. */
  readonly request: Readonly<JsonObject>;
  /** The exact text of `request`, where nothing changed it since it was received. */
  readonly requestText?: string;
  readonly timeouts: AttemptTimeouts;
  /** Aborts within 100 ms whatever the attempt is doing. */
  readonly signal: AbortSignal;
}

/** A request that is not metered as a generation and passes through as it is: files, cached contents, batches. */
export interface ForwardRequest {
  readonly method: string;
  /** Path and query behind the host, credentials removed, beginning with a slash. */
  readonly path: string;
  /** Headers that are the caller's business with the upstream; no credentials, no hop-by-hop headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal;
}

/** The upstream's answer to a forwarded request, untouched. */
export interface ForwardResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What a look at the upstream found. */
export interface ProbeResult {
  readonly ok: boolean;
  /** Why not, for operators; no secrets. */
  readonly detail?: string;
}

/** An upstream project, or what stands in for one. Knows one wire and one set of credentials. */
export interface Provider {
  /**
   * Makes one upstream call. Resolves once the upstream accepted it; the events begin with the first chunk and
   * end with one finish. Rejects, or the iterator throws, with a GatewayError. Aborting the signal or returning
   * the iterator cancels the upstream call.
   */
  generate(attempt: Attempt): Promise<AsyncIterable<GenerationEvent>>;
  /** Passes a request through. Absent where the upstream has no such resources. */
  forward?(request: ForwardRequest): Promise<ForwardResponse>;
  /** Looks whether the upstream answers and accepts the credentials, without generating anything. */
  probe(signal: AbortSignal): Promise<ProbeResult>;
  /** Lets calls in flight finish, then closes connections. */
  close(): Promise<void>;
}
