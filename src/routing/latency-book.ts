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
/** Beginnings that a quantile is taken of, at most and at least. */
const MAX_BEGINNINGS = 128;
const MIN_BEGINNINGS = 20;
/** A quantile is worth sorting for once in so many beginnings. */
const SORT_EVERY = 16;

interface Known {
  firstEventMs: number | undefined;
  msPerToken: number | undefined;
  /** Beginnings of whole answers and of streams. */
  readonly beginnings: readonly [Beginnings, Beginnings];
}

/** How long the last answers took to begin. */
class Beginnings {
  #lastMs: Float64Array | undefined;
  #seen = 0;
  #sortedMs: Float64Array | undefined;
  #sortedAt = -Infinity;

  add(ms: number): void {
    this.#lastMs ??= new Float64Array(MAX_BEGINNINGS);
    this.#lastMs[this.#seen % MAX_BEGINNINGS] = ms;
    this.#seen += 1;
  }

  quantileMs(share: number): number | undefined {
    if (this.#lastMs === undefined || this.#seen < MIN_BEGINNINGS) return undefined;
    if (this.#seen - this.#sortedAt >= SORT_EVERY) {
      this.#sortedMs = this.#lastMs.slice(0, Math.min(this.#seen, MAX_BEGINNINGS)).toSorted();
      this.#sortedAt = this.#seen;
    }
    const sorted = this.#sortedMs ?? this.#lastMs;
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}

/**
 * How fast targets answer, as exponential averages: to the first event for streams, per output token for whole
 * answers, so that long answers are not taken for slow ones. And how long the last answers took to begin, as
 * quantiles.
 */
@Injectable()
export class LatencyBook {
  readonly #targets = new Map<string, Known>();

  /** Takes an answer into a target's averages. */
  observe(target: string, { stream, firstEventMs, totalMs, outputTokens }: Observed): void {
    const known = this.#of(target);
    known.beginnings[Number(stream)]?.add(firstEventMs);
    if (stream) known.firstEventMs = averaged(known.firstEventMs, firstEventMs);
    else if (outputTokens > 0) known.msPerToken = averaged(known.msPerToken, totalMs / outputTokens);
  }

  /** Takes note of an attempt that was given up before its first event: it would have taken longer than that. */
  tookLonger(target: string, stream: boolean, thanMs: number): void {
    this.#of(target).beginnings[Number(stream)]?.add(thanMs);
  }

  /** Milliseconds to the first event of a stream, or per output token; undefined before the first answer. */
  of(target: string, stream: boolean): number | undefined {
    const known = this.#targets.get(target);
    return stream ? known?.firstEventMs : known?.msPerToken;
  }

  /** Within how many milliseconds so large a share of the last answers began; undefined while there are few. */
  beginsWithinMs(target: string, stream: boolean, share: number): number | undefined {
    return this.#targets.get(target)?.beginnings[Number(stream)]?.quantileMs(share);
  }

  #of(target: string): Known {
    const present = this.#targets.get(target);
    this.#targets.delete(target);
    const known = present ?? {
      firstEventMs: undefined,
      msPerToken: undefined,
      beginnings: [new Beginnings(), new Beginnings()] as const,
    };
    this.#targets.set(target, known);
    if (this.#targets.size > MAX_TARGETS) {
      const [oldest] = this.#targets.keys();
      if (oldest !== undefined) this.#targets.delete(oldest);
    }
    return known;
  }
}

function averaged(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + NEWEST * (newest - before);
}
