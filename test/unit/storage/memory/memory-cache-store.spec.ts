import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { MemoryCacheStore } from '../../../../src/storage/memory/memory-cache-store.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const storeOf = (maxBytes: number, clock = new ManualClock()) => ({
  clock,
  store: new MemoryCacheStore<number>({ maxBytes, bytesOf: (value) => value, clock }),
});
const HOUR_MS = 3_600_000;

describe('MemoryCacheStore', () => {
  it('drops what was not asked for longest, as soon as values take more than they may', async () => {
    const { store } = storeOf(100);
    for (const key of ['a', 'b', 'c', 'd']) await store.set(key, 25, HOUR_MS);
    await store.get('a');
    await store.set('e', 25, HOUR_MS);
    const kept = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => store.get(key)));
    expect(kept).toEqual([25, undefined, 25, 25, 25]);
    expect([store.bytes, store.size]).toEqual([100, 4]);
  });

  it('keeps no value that would drive out the others, nor the one in whose place it was to come', async () => {
    const { store } = storeOf(100);
    await store.set('a', 10, HOUR_MS);
    await store.set('b', 10, HOUR_MS);
    await store.set('b', 26, HOUR_MS);
    expect([await store.get('a'), await store.get('b'), store.bytes]).toEqual([10, undefined, 10]);
  });

  it('gives a value until its time is over, and frees its memory then', async () => {
    const { store, clock } = storeOf(100);
    await store.set('a', 10, 1_000);
    clock.advance(999);
    expect(await store.get('a')).toBe(10);
    clock.advance(1);
    expect([await store.get('a'), store.bytes, store.size]).toEqual([undefined, 0, 0]);
  });

  it('does not mind the calendar', async () => {
    const { store, clock } = storeOf(100);
    await store.set('a', 10, 1_000);
    clock.setWall(0);
    expect(await store.get('a')).toBe(10);
  });

  it('knows at any time what its values take, and never keeps more', async () => {
    const steps = fc.record({
      step: fc.constantFrom('set', 'get', 'delete', 'advance'),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      amount: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(steps), async (all) => {
        const { store, clock } = storeOf(100);
        for (const { step, key, amount } of all) {
          if (step === 'set') await store.set(key, amount, amount * 10);
          else if (step === 'advance') clock.advance(amount);
          else await store[step](key);
          expect(store.bytes).toBeLessThanOrEqual(100);
        }
        const kept = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => store.get(key)));
        expect(store.bytes).toBe(kept.reduce<number>((sum, value) => sum + (value ?? 0), 0));
      }),
    );
  });
});
