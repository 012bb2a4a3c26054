import { NO_USAGE, addUsage, type Usage } from '../core/usage.js';

/** What can go wrong with the tier that replicas share. */
export const CACHE_TROUBLES = ['get_failed', 'set_failed', 'unreadable', 'dropped', 'log_failed'] as const;
export type CacheTrouble = (typeof CACHE_TROUBLES)[number];

/** What came of answers that were fetched behind stale ones. */
export const REFRESH_RESULTS = ['stored', 'not_stored', 'failed', 'dropped'] as const;
export type RefreshResult = (typeof REFRESH_RESULTS)[number];

/** What the cache counts beside what calls' records tell. */
export class CacheStats {
  readonly troubles = new Map<CacheTrouble, number>(CACHE_TROUBLES.map((trouble) => [trouble, 0]));
  readonly refreshes = new Map<RefreshResult, number>(REFRESH_RESULTS.map((result) => [result, 0]));
  /** Tokens that refreshes used. */
  refreshUsage: Usage = NO_USAGE;

  trouble(trouble: CacheTrouble): void {
    this.troubles.set(trouble, (this.troubles.get(trouble) ?? 0) + 1);
  }

  refreshed(result: RefreshResult, usage: Usage): void {
    this.refreshes.set(result, (this.refreshes.get(result) ?? 0) + 1);
    this.refreshUsage = addUsage(this.refreshUsage, usage);
  }
}
