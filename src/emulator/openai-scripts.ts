import type { JsonObject } from '../core/json.js';

const KINDS = {
  /** The stream ends without `[DONE]`. */
  'no-done': true,
  /** The connection is reset: after the first chunk of a stream, in place of any other answer. */
  reset: true,
  /** Nothing more comes: after the first chunk of a stream, in place of any other answer. */
  stall: true,
} as const satisfies Record<string, true>;

/** A way in which an answer goes wrong. */
export type OpenAiFault = keyof typeof KINDS;

/** What happens to the next calls. */
export interface OpenAiScript {
  /** Refused with this HTTP status; undefined where the fault is another. */
  readonly status: number | undefined;
  readonly fault: OpenAiFault | undefined;
  readonly retryAfterSeconds: number;
  /** Calls still to go. */
  times: number;
}

/** One call as the upstream saw it. */
export interface OpenAiCall {
  readonly operation: 'chat' | 'embeddings';
  model: string;
  stream: boolean;
  /** HTTP status sent; 0 where the connection ended before one. */
  status: number;
  inputTokens: number;
  outputTokens: number;
  /** Chunks written, `[DONE]` apart. */
  chunks: number;
  /** The caller left before the answer was complete. */
  aborted: boolean;
}

const KEPT_CALLS = 10_000;

/** Scripted failures, used up in the order they came, and the record of every call. */
export class OpenAiScripts {
  /** Oldest first. */
  readonly calls: OpenAiCall[] = [];
  private readonly scripts: OpenAiScript[] = [];

  /** Reads `{status | kind, times?, retryAfterSeconds?}`; false when it is none. */
  add(body: JsonObject): boolean {
    const { status, kind, times = 1, retryAfterSeconds = 1 } = body;
    const fault = typeof kind === 'string' && kind in KINDS ? (kind as OpenAiFault) : undefined;
    const isStatus = typeof status === 'number' && status >= 400 && status <= 599;
    if (isStatus === (fault !== undefined)) return false;
    if (typeof times !== 'number' || typeof retryAfterSeconds !== 'number') return false;
    this.scripts.push({ status: isStatus ? status : undefined, fault, retryAfterSeconds, times });
    return true;
  }

  /** The script for the next call, if there is one. */
  take(): OpenAiScript | undefined {
    const script = this.scripts[0];
    if (script !== undefined && --script.times <= 0) this.scripts.shift();
    return script;
  }

  /** Begins the record of a call. */
  open(operation: OpenAiCall['operation']): OpenAiCall {
    const call: OpenAiCall = {
      operation,
      model: '',
      stream: false,
      status: 0,
      inputTokens: 0,
      outputTokens: 0,
      chunks: 0,
      aborted: false,
    };
    this.calls.push(call);
    if (this.calls.length > KEPT_CALLS) this.calls.shift();
    return call;
  }
}
