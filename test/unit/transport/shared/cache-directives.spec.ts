import { describe, expect, it } from '@jest/globals';
import { cacheDirectivesOf } from '../../../../src/transport/shared/cache-directives.js';

describe('cacheDirectivesOf', () => {
  it.each([
    ['no-cache', { forceRefresh: true }],
    ['no-store', { noStore: true }],
    ['only-if-cached', { onlyIfCached: true }],
    ['max-age=60', { maxAgeMs: 60_000 }],
    ['max-age=0', { maxAgeMs: 0 }],
    ['ttl=90', { ttlMs: 90_000 }],
    ['No-Cache ,\tNO-STORE, max-age=5', { forceRefresh: true, noStore: true, maxAgeMs: 5_000 }],
    ['no-transform, max-stale=7', undefined],
    ['max-age', undefined],
    ['max-age=-1', undefined],
    ['max-age=1e9', undefined],
    ['max-age=99999999999', undefined],
    ['ttl=0', undefined],
    ['', undefined],
    [undefined, undefined],
    [['no-cache'], undefined],
  ])('reads %p', (header, directives) => {
    expect(cacheDirectivesOf(header)).toEqual(directives);
  });
});
