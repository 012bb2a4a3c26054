import type { UsageMetadata } from '../core/gemini-wire.js';
import type { JsonObject } from '../core/json.js';

/** One call as the emulator saw it. Entered when its body is read, completed when it ends. */
export interface LedgerEntry {
  readonly id: number;
  /** Wall time of arrival, milliseconds since the epoch. */
  readonly at: number;
  readonly key: string;
  readonly project: string;
  readonly model: string;
  /** Google's method: `generateContent`, `countTokens`, … */
  readonly operation: string;
  readonly stream: boolean;
  readonly path: string;
  readonly bytesIn: number;
  readonly serverTimeout: string | undefined;
  readonly apiClient: string | undefined;
  /** Fields of the request's parts that Google does not have. */
  unknownPartFields: JsonObject | undefined;
  /** Input tokens that the project's quota counted; 0 where the call was refused, or is none that it counts. */
  quotaTokens: number;
  /** Tokens told to the caller so far; they are billed even when it leaves. */
  inputTokens: number;
  outputTokens: number;
  thoughtsTokens: number;
  cachedTokens: number;
  toolUseTokens: number;
  bytesOut: number;
  chunksSent: number;
  /** HTTP status; 0 until headers are sent. */
  status: number;
  /** `open` until the call ends, then `ok` or the kind of failure. */
  outcome: string;
  /** True when the caller went away before the end. */
  aborted: boolean;
  abortedAfterMs: number | undefined;
}

/** Sums over every call that ended since the ledger was cleared, forgotten ones included. */
export interface LedgerTotals {
  calls: number;
  ok: number;
  aborted: number;
  inputTokens: number;
  outputTokens: number;
  thoughtsTokens: number;
  cachedTokens: number;
  toolUseTokens: number;
  bytesIn: number;
  bytesOut: number;
}

/** What is known of a call when it is entered. */
export type NewCall = Pick<
  LedgerEntry,
  | 'at'
  | 'key'
  | 'project'
  | 'model'
  | 'operation'
  | 'stream'
  | 'path'
  | 'bytesIn'
  | 'serverTimeout'
  | 'apiClient'
>;

const NOTHING: LedgerTotals = {
  calls: 0,
  ok: 0,
  aborted: 0,
  inputTokens: 0,
  outputTokens: 0,
  thoughtsTokens: 0,
  cachedTokens: 0,
  toolUseTokens: 0,
  bytesIn: 0,
  bytesOut: 0,
};

/** Every call made to the emulator; the oldest are forgotten beyond `capacity`. */
export class Ledger {
  private ring: LedgerEntry[] = [];
  /** Where the oldest entry of a full ring is. */
  private oldest = 0;
  private nextId = 1;
  /** Calls before this one were cleared away; their ends are not summed. */
  private firstId = 1;
  private sums: LedgerTotals = { ...NOTHING };

  constructor(private readonly capacity = 100_000) {}

  /** The calls still remembered, oldest first. */
  get calls(): readonly LedgerEntry[] {
    return [...this.ring.slice(this.oldest), ...this.ring.slice(0, this.oldest)];
  }

  get totals(): Readonly<LedgerTotals> {
    return this.sums;
  }

  /** Enters a call. */
  open(call: NewCall): LedgerEntry {
    const entry: LedgerEntry = {
      id: this.nextId++,
      at: call.at,
      key: call.key,
      project: call.project,
      model: call.model,
      operation: call.operation,
      stream: call.stream,
      path: call.path,
      bytesIn: call.bytesIn,
      serverTimeout: call.serverTimeout,
      apiClient: call.apiClient,
      unknownPartFields: undefined,
      quotaTokens: 0,
      inputTokens: 0,
      outputTokens: 0,
      thoughtsTokens: 0,
      cachedTokens: 0,
      toolUseTokens: 0,
      bytesOut: 0,
      chunksSent: 0,
      status: 0,
      outcome: 'open',
      aborted: false,
      abortedAfterMs: undefined,
    };
    if (this.ring.length < this.capacity) this.ring.push(entry);
    else {
      this.ring[this.oldest] = entry;
      this.oldest = (this.oldest + 1) % this.capacity;
    }
    return entry;
  }

  /** Notes the counts that were just told to the caller. They are cumulative. */
  meter(entry: LedgerEntry, usage: UsageMetadata | undefined): void {
    if (usage === undefined) return;
    entry.inputTokens = usage.promptTokenCount ?? 0;
    entry.outputTokens = usage.candidatesTokenCount ?? 0;
    entry.thoughtsTokens = usage.thoughtsTokenCount ?? 0;
    entry.cachedTokens = usage.cachedContentTokenCount ?? 0;
    entry.toolUseTokens = usage.toolUsePromptTokenCount ?? 0;
  }

  /** Ends a call, once; later ends of the same call are ignored. */
  close(entry: LedgerEntry, outcome: string): void {
    if (entry.outcome !== 'open') return;
    entry.outcome = outcome;
    if (entry.id < this.firstId) return;
    const sums = this.sums;
    sums.calls++;
    if (outcome === 'ok') sums.ok++;
    if (entry.aborted) sums.aborted++;
    sums.inputTokens += entry.inputTokens;
    sums.outputTokens += entry.outputTokens;
    sums.thoughtsTokens += entry.thoughtsTokens;
    sums.cachedTokens += entry.cachedTokens;
    sums.toolUseTokens += entry.toolUseTokens;
    sums.bytesIn += entry.bytesIn;
    sums.bytesOut += entry.bytesOut;
  }

  /** Forgets all calls and sums. Ids go on. */
  clear(): void {
    this.ring = [];
    this.oldest = 0;
    this.firstId = this.nextId;
    this.sums = { ...NOTHING };
  }
}
