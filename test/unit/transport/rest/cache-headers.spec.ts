import { describe, expect, it } from '@jest/globals';
import type { CacheRecord } from '../../../../src/core/call-record.js';
import type { CacheState } from '../../../../src/core/generation.js';
import { cacheHeaders, isKnown } from '../../../../src/transport/rest/cache-headers.js';
import { callFixture, generationOf } from '../../../helpers/calls.js';

function headersOf(state: CacheState, record: CacheRecord | undefined, isMarked = true) {
  const call = callFixture();
  call.record.cache = record;
  const cached = { key: 'k', tag: 't', freshMs: 59_999, ageMs: 1 };
  const { head } = generationOf([], { head: { cache: state, ...(isMarked ? { cached } : {}) } });
  return cacheHeaders(call, head);
}

describe('cacheHeaders', () => {
  it.each<[string, CacheState, CacheRecord]>([
    ['a stored answer', 'hit', { state: 'hit', tier: 'redis' }],
    ['a stale one', 'stale', { state: 'stale', tier: 'memory' }],
    ['one that is stored now', 'miss', { state: 'miss', stored: true }],
  ])('name %s and tell how long it is fresh', (_title, state, record) => {
    expect(headersOf(state, record)).toEqual({ etag: 'W/"t"', 'cache-control': 'private, max-age=59' });
  });

  it.each<[string, CacheState, CacheRecord]>([
    ['was not stored', 'miss', { state: 'miss' }],
    ['may not be stored', 'bypass', { state: 'bypass' }],
    ['may not be whole', 'coalesced', { state: 'coalesced' }],
  ])('keep clients from storing what %s', (_title, state, record) => {
    expect(headersOf(state, record)).toEqual({ 'cache-control': 'no-store' });
  });

  it('say nothing for calls that have nothing to do with the cache', () => {
    expect(headersOf('bypass', undefined, false)).toEqual({});
  });
});

describe('isKnown', () => {
  it.each([
    ['W/"t"', true],
    ['"t"', true],
    ['"a", W/"t" ,"b"', true],
    ['*', true],
    ['"other"', false],
    ['t', false],
    [undefined, false],
  ])('compares %p as the RFC wants it: %p', (given, known) => {
    expect(isKnown(given, 'W/"t"')).toBe(known);
  });

  it('knows nothing that has no name', () => {
    expect(isKnown('*', undefined)).toBe(false);
  });
});
