import { describe, expect, it } from '@jest/globals';
import { presentedKey } from '../../../../src/transport/http/caller-key.js';

describe('presentedKey', () => {
  it.each([
    [{ 'x-goog-api-key': 'k' }, 'k'],
    [{ 'x-api-key': 'k' }, 'k'],
    [{ authorization: 'Bearer k' }, 'k'],
    [{ authorization: 'bearer   k' }, 'k'],
    [{ 'x-goog-api-key': 'k', 'x-api-key': 'l', authorization: 'Bearer m' }, 'k'],
    [{ 'x-api-key': 'l', authorization: 'Bearer m' }, 'l'],
    [{ 'x-api-key': '', authorization: 'Bearer m' }, 'm'],
    [{ authorization: 'Basic a2V5' }, undefined],
    [{ authorization: 'Bearer' }, undefined],
    [{ authorization: 'Bearer a b' }, undefined],
    [{ 'x-api-key': ['a', 'b'] }, undefined],
    [{}, undefined],
  ])('finds in %j the key %p', (headers, key) => {
    expect(presentedKey(headers as Record<string, string>, '/v1/generate', false)).toBe(key);
  });

  it.each([
    ['/v1beta/models?key=k', 'k'],
    ['/v1beta/models?alt=sse&key=k%2B1', 'k+1'],
    ['/v1beta/models?%6Bey=k', 'k'],
    ['/v1beta/models?key=', undefined],
    ['/v1beta/models?monkey=k', undefined],
    ['/v1beta/models', undefined],
  ])('finds in %s the key %p, where a URL may hold one', (url, key) => {
    expect(presentedKey({}, url, true)).toBe(key);
    expect(presentedKey({}, url, false)).toBeUndefined();
  });

  it('prefers a header to the URL', () => {
    expect(presentedKey({ authorization: 'Bearer h' }, '/x?key=u', true)).toBe('h');
  });
});
