/** What Google's explicit caches came to since the start, for one target. */
export interface ContextCacheCounts {
  /** `project/model`. */
  readonly target: string;
  made: number;
  prolonged: number;
  dropped: number;
  /** Times that the upstream did not make, prolong or drop one. */
  failed: number;
  /** Calls that named one. */
  hits: number;
  /** Calls that named one that was gone, and were made once more in full. */
  refused: number;
  /** Against the price of the tokens as plain input. */
  savedNanoUsd: number;
  /** On making and keeping them. */
  spentNanoUsd: number;
}

/** Counts by target. */
export class ContextCacheBook {
  readonly #counts = new Map<string, ContextCacheCounts>();

  /** The counts of a target (`project/model`), to be added to. */
  of(target: string): ContextCacheCounts {
    const present = this.#counts.get(target);
    if (present !== undefined) return present;
    const made: ContextCacheCounts = {
      target,
      made: 0,
      prolonged: 0,
      dropped: 0,
      failed: 0,
      hits: 0,
      refused: 0,
      savedNanoUsd: 0,
      spentNanoUsd: 0,
    };
    this.#counts.set(target, made);
    return made;
  }

  all(): readonly ContextCacheCounts[] {
    return [...this.#counts.values()];
  }
}
