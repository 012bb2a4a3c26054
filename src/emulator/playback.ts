import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../core/clock.js';
import type { UsageMetadata } from '../core/gemini-wire.js';
import type { Ledger, LedgerEntry } from './ledger.js';

/** A run of body text, and the counts that it tells the caller. */
export interface Piece {
  readonly text: string;
  readonly usage?: UsageMetadata | undefined;
  /** False for framing, which is no message of its own. */
  readonly counts: boolean;
}

/** Everything that goes over the wire for one call, and when. */
export interface Script {
  /** Absent when not even headers are sent. */
  readonly head?: { readonly status: number; readonly headers: Readonly<Record<string, string>> };
  readonly pieces: readonly Piece[];
  /** Told to the ledger when the script has run. */
  readonly outcome: string;
  readonly ending: 'end' | 'reset' | 'silence';
  readonly delayMs?: number | undefined;
  readonly firstChunkDelayMs?: number | undefined;
  readonly chunkDelayMs?: number | undefined;
  readonly sliceBytes?: number | undefined;
}

/** Plays a script into a response; stops when the caller leaves, and tells the ledger. */
export class Playback {
  private readonly startedMs: number;
  private next = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly res: ServerResponse,
    private readonly script: Script,
    private readonly entry: LedgerEntry,
    private readonly ledger: Ledger,
    private readonly clock: Clock,
  ) {
    this.startedMs = clock.monotonicMs();
  }

  /** Begins; everything else follows by itself. */
  start(): void {
    this.res.once('close', () => this.left());
    this.after(this.script.delayMs, () => this.open());
  }

  private left(): void {
    this.timer?.clear();
    if (this.entry.outcome !== 'open') return;
    this.entry.aborted = true;
    this.entry.abortedAfterMs = Math.round(this.clock.monotonicMs() - this.startedMs);
    this.ledger.close(this.entry, this.script.outcome === 'ok' ? 'aborted' : this.script.outcome);
  }

  private after(delayMs: number | undefined, go: () => void): void {
    if (delayMs === undefined || delayMs <= 0) go();
    else this.timer = this.clock.after(delayMs, go);
  }

  private open(): void {
    const { head, ending, firstChunkDelayMs } = this.script;
    if (head === undefined) {
      if (ending === 'reset') this.finish();
      return;
    }
    this.entry.status = head.status;
    this.res.writeHead(head.status, head.headers);
    if (firstChunkDelayMs !== undefined) this.res.flushHeaders();
    this.after(firstChunkDelayMs, () => this.play());
  }

  private play(): void {
    while (!this.res.destroyed) {
      const piece = this.script.pieces[this.next++];
      if (piece === undefined) return this.finish();
      if (piece.counts) this.entry.chunksSent++;
      this.ledger.meter(this.entry, piece.usage);
      const goOn = (): void => this.after(this.pause(piece), () => this.play());
      if (this.script.sliceBytes !== undefined)
        return this.slices(Buffer.from(piece.text), this.script.sliceBytes, goOn);
      this.entry.bytesOut += Buffer.byteLength(piece.text);
      if (!this.res.write(piece.text)) {
        this.res.once('drain', goOn);
        return;
      }
      if (this.pause(piece) > 0) return goOn();
    }
  }

  /** Before the next message; framing follows at once. */
  private pause(piece: Piece): number {
    const more = piece.counts && this.script.pieces[this.next]?.counts === true;
    return more ? (this.script.chunkDelayMs ?? 0) : 0;
  }

  /** One write per turn of the event loop, so that each is a chunk of its own. */
  private slices(bytes: Buffer, size: number, done: () => void): void {
    if (this.res.destroyed) return;
    if (bytes.length === 0) return done();
    const slice = bytes.subarray(0, size);
    this.entry.bytesOut += slice.length;
    this.res.write(slice, () => setImmediate(() => this.slices(bytes.subarray(size), size, done)));
  }

  private finish(): void {
    const { ending, outcome } = this.script;
    if (ending === 'silence') return;
    this.ledger.close(this.entry, outcome);
    if (ending === 'end') this.res.end();
    else if (this.script.head === undefined) this.res.socket?.resetAndDestroy();
    // What was written goes out first; then the connection dies without an end of the body.
    else this.res.write('', () => this.res.destroy());
  }
}
