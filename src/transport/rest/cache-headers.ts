import type { Call } from '../../core/call.js';
import type { Head } from '../../core/generation.js';

/**
 * What tells the caches of clients about a whole answer (RFC 9111): for how long it is fresh, and its name. The name is a
 * weak one, as the answer also carries the id of the request. Nothing for calls that have nothing to do with the cache.
 */
export function cacheHeaders({ record }: Call, { cache, cached }: Head): Record<string, string> {
  switch (cache) {
    case 'bypass':
      return record.cache === undefined ? {} : NOT_STORED;
    case 'coalesced':
      return NOT_STORED;
    case 'miss':
      if (record.cache?.stored !== true) return NOT_STORED;
      break;
    case 'hit':
    case 'stale':
      break;
  }
  if (cached === undefined) return NOT_STORED;
  return {
    etag: `W/"${cached.tag}"`,
    // What a key may read is nobody else's business, and what of it is shared is for the gateway to say.
    'cache-control': `private, max-age=${Math.floor(cached.freshMs / 1_000)}`,
  };
}

const NOT_STORED = { 'cache-control': 'no-store' };

/** Whether a caller has the very answer already (RFC 9110, 13.1.2). */
export function isKnown(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  const name = etag.replace(/^W\//, '');
  return ifNoneMatch
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === name);
}
