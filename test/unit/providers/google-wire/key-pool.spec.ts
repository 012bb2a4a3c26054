import { beforeEach, describe, expect, it } from '@jest/globals';
import { KeyPool } from '../../../../src/providers/google-wire/key-pool.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

/** Keys that can be exchanged, by their ids. */
function keysOf(...ids: string[]) {
  return ids.map((id) => ({
    id,
    key: `key-${id}`,
    current(): string {
      return this.key;
    },
  }));
}
const poolOf = (keys: ReturnType<typeof keysOf>): KeyPool => new KeyPool(keys, clock);
const drawn = (pool: KeyPool, count: number): string[] => Array.from({ length: count }, () => pool.next());
const refused = expect.objectContaining({
  reason: 'UPSTREAM_AUTH',
  metadata: { upstreamReason: 'ALL_KEYS_REFUSED' },
});

describe('KeyPool', () => {
  it('uses the keys in turn', () => {
    expect(drawn(poolOf(keysOf('a', 'b', 'c')), 4)).toEqual(['key-a', 'key-b', 'key-c', 'key-a']);
  });

  it('sets a refused key aside and goes on with the others', () => {
    const pool = poolOf(keysOf('a', 'b', 'c'));
    expect(pool.refuse('key-b')).toBe(true);
    expect(drawn(pool, 4)).toEqual(['key-a', 'key-c', 'key-a', 'key-c']);
  });

  it('throws UPSTREAM_AUTH while all keys are set aside, or where there is none', () => {
    const pool = poolOf(keysOf('a', 'b'));
    expect(pool.refuse('key-a')).toBe(true);
    expect(pool.refuse('key-b')).toBe(false);
    expect(() => pool.next()).toThrow(refused);
    clock.advance(30_000);
    expect(drawn(pool, 2).toSorted()).toEqual(['key-a', 'key-b']);
    expect(() => poolOf([]).next()).toThrow(refused);
  });

  it('sets a key aside for longer each time, up to a bound', () => {
    const pool = poolOf(keysOf('a'));
    for (const asideMs of [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      expect(pool.refuse('key-a')).toBe(false);
      clock.advance(asideMs - 1);
      expect(() => pool.next()).toThrow(refused);
      clock.advance(1);
      expect(pool.next()).toBe('key-a');
    }
  });

  it('takes refusals of calls that were under way together for one', () => {
    const pool = poolOf(keysOf('a'));
    for (const _ of [1, 2, 3]) pool.refuse('key-a');
    clock.advance(30_000);
    expect(pool.next()).toBe('key-a');
  });

  it('uses an exchanged key at once, and counts its refusals anew', () => {
    const keys = keysOf('a');
    const pool = poolOf(keys);
    pool.refuse('key-a');
    clock.advance(30_000);
    pool.refuse('key-a');
    keys[0]!.key = 'key-new';
    expect(pool.next()).toBe('key-new');
    pool.refuse('key-new');
    expect(() => pool.next()).toThrow(refused);
    clock.advance(30_000);
    expect(pool.next()).toBe('key-new');
  });

  it('does not hold the refusal of an old key against its successor', () => {
    const keys = keysOf('a');
    const pool = poolOf(keys);
    keys[0]!.key = 'key-new';
    expect(pool.refuse('key-a')).toBe(true);
    expect(pool.next()).toBe('key-new');
  });

  it('sets every credential aside that holds the refused key', () => {
    const keys = keysOf('a', 'b');
    keys[1]!.key = 'key-a';
    expect(poolOf(keys).refuse('key-a')).toBe(false);
  });
});
