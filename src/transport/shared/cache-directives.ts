import type { CacheDirectives } from '../../core/call.js';

/**
 * What a caller says about stored answers in a header: the words of HTTP's `Cache-Control` in requests (RFC 9111, 5.2.1:
 * `no-cache`, `no-store`, `only-if-cached`, `max-age`), and `ttl=<seconds>` for how long the answer may be kept.
 * Undefined where it says nothing that counts here; unknown words are passed over, as the RFC wants it.
 */
export function cacheDirectivesOf(header: unknown): CacheDirectives | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  let found: CacheDirectives | undefined;
  for (const word of header.toLowerCase().split(',')) {
    const [name = '', value = ''] = word.trim().split('=', 2);
    const said = directive(name, value);
    if (said !== undefined) found = { ...found, ...said };
  }
  return found;
}

function directive(name: string, value: string): CacheDirectives | undefined {
  switch (name) {
    case 'no-cache':
      return { forceRefresh: true };
    case 'no-store':
      return { noStore: true };
    case 'only-if-cached':
      return { onlyIfCached: true };
    case 'max-age':
      return /^\d{1,10}$/.test(value) ? { maxAgeMs: Number(value) * 1_000 } : undefined;
    case 'ttl':
      return /^[1-9]\d{0,9}$/.test(value) ? { ttlMs: Number(value) * 1_000 } : undefined;
    default:
      return undefined;
  }
}
