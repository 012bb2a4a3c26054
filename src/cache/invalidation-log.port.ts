/** Which answers are to be forgotten: those that have everything that is named. */
export interface CacheFilter {
  readonly tenant?: string | undefined;
  readonly task?: string | undefined;
  /** `name@version`. */
  readonly prompt?: string | undefined;
  /** `name=value`, or the name alone for any value. */
  readonly tag?: string | undefined;
  /** Key of a question. */
  readonly key?: string | undefined;
}

/** An invalidation with its place in the order of all. */
export interface Invalidation {
  readonly filter: CacheFilter;
  readonly number: number;
}

/** What has been invalidated. */
export interface InvalidationState {
  /** Names the memory of the log; another name means that the former was lost, and everything stored with it. */
  readonly epoch: string;
  /** Number of the latest; 0 before the first. */
  readonly number: number;
}

/** A whole log. */
export interface InvalidationEntries extends InvalidationState {
  /** Newest first. */
  readonly entries: readonly Invalidation[];
}

/**
 * Invalidations, in the order in which they were made. Of equal filters the last one is kept. Where there are more than
 * `MOST_INVALIDATIONS`, those that name a tenant become one of all that is the tenant's, and where that is not enough,
 * all become one of everything: nothing is ever left out. Methods reject where the log does not answer in time.
 */
export interface InvalidationLog {
  /** Where the log stands. */
  state(): Promise<InvalidationState>;
  /** All of it. */
  read(): Promise<InvalidationEntries>;
  /** Adds one, and gives its number. */
  add(filter: CacheFilter): Promise<InvalidationState>;
}

/** Different filters that a log holds. */
export const MOST_INVALIDATIONS = 1_000;
