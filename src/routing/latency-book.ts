import { Injectable } from '@nestjs/common';

/** How one answer went, in milliseconds. */
export interface Observed {
  /** Whether the caller read it piece by piece. */
  readonly stream: boolean;
  readonly firstEventMs: number;
  readonly totalMs: number;
  /** Thoughts included. */
  readonly outputTokens: number;
}

/** Weight of the newest answer in the average. */
const NEWEST = 0.2;
/** Targets known; the least recently observed are forgotten beyond it. */
const MAX_TARGETS = 4_096;

interface Averages {
  readonly firstEventMs: number | undefined;
  readonly msPerToken: number | undefined;
}

/**
 * How fast targets answer, as exponential averages: to the first event for streams, per output token for whole
 * answers, so that long answers are not taken for slow ones.
 */
@Injectable()
export class LatencyBook {
  readonly #averages = new Map<string, Averages>();

  /** Takes an answer into a target's averages. */
  observe(target: string, { stream, firstEventMs, totalMs, outputTokens }: Observed): void {
    const before = this.#averages.get(target);
    this.#averages.delete(target);
    this.#averages.set(target, {
      firstEventMs: stream ? averaged(before?.firstEventMs, firstEventMs) : before?.firstEventMs,
      msPerToken:
        !stream && outputTokens > 0
          ? averaged(before?.msPerToken, totalMs / outputTokens)
          : before?.msPerToken,
    });
    if (this.#averages.size <= MAX_TARGETS) return;
    const [oldest] = this.#averages.keys();
    if (oldest !== undefined) this.#averages.delete(oldest);
  }

  /** Milliseconds to the first event of a stream, or per output token; undefined before the first answer. */
  of(target: string, stream: boolean): number | undefined {
    const averages = this.#averages.get(target);
    return stream ? averages?.firstEventMs : averages?.msPerToken;
  }
}

function averaged(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + NEWEST * (newest - before);
}
