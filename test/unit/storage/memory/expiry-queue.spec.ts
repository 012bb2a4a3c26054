import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { ExpiryQueue } from '../../../../src/storage/memory/expiry-queue.js';

interface Item {
  readonly atMs: number;
  alive: boolean;
}

describe('ExpiryQueue', () => {
  it('gives out what is alive and due, the earliest first', () => {
    const times = fc.array(fc.record({ atMs: fc.nat(50), alive: fc.boolean() }), { maxLength: 60 });
    fc.assert(
      fc.property(times, fc.nat(50), (items: Item[], nowMs) => {
        const queue = new ExpiryQueue<Item>(({ alive }) => alive);
        for (const item of items) queue.push(item.atMs, item, items.length);
        const alive = items.filter((item) => item.alive).map(({ atMs }) => atMs);
        expect(queue.firstMs()).toBe(alive.length === 0 ? undefined : Math.min(...alive));
        const taken: number[] = [];
        for (let item = queue.takeDue(nowMs); item !== undefined; item = queue.takeDue(nowMs))
          taken.push(item.atMs);
        expect(taken).toEqual(alive.filter((atMs) => atMs <= nowMs).toSorted((one, other) => one - other));
      }),
    );
  });

  it('does not keep what ended sooner for long', () => {
    const queue = new ExpiryQueue<Item>(({ alive }) => alive);
    for (let call = 0; call < 10_000; call += 1) {
      const item = { atMs: 100_000 + call, alive: true };
      queue.push(item.atMs, item, 3);
      item.alive = false;
    }
    expect(queue.size).toBeLessThan(200);
    const last = { atMs: 5, alive: true };
    queue.push(5, last, 1);
    expect(queue.takeDue(5)).toBe(last);
    expect(queue.takeDue(Infinity)).toBeUndefined();
  });
});
