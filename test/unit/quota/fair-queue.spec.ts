import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { FairQueue, type Share } from '../../../src/quota/fair-queue.js';

interface Item {
  readonly name: number;
  readonly share: Share;
  readonly cost: number;
}

const ANYBODY = (): boolean => true;
let names = 0;
const item = (team: string, { weight = 1, cost = 0.01 } = {}): Item => ({
  name: (names += 1),
  share: { team, weight },
  cost,
});

/** Gives so many turns; whose they were. */
function turns(queue: FairQueue<Item>, count: number): Item[] {
  return Array.from({ length: count }, () => {
    const next = queue.next(ANYBODY);
    if (next === undefined) throw new Error('nobody waits');
    queue.took(next, next.cost);
    return next;
  });
}
const count = (items: readonly Item[], team: string): number =>
  items.filter(({ share }) => share.team === team).length;

describe('FairQueue', () => {
  it('takes those of one team as they came', () => {
    const queue = new FairQueue<Item>();
    const items = [item('a'), item('a'), item('a')];
    for (const one of items) queue.add(one);
    expect(turns(queue, 3)).toEqual(items);
    expect([queue.size, queue.next(ANYBODY)]).toEqual([0, undefined]);
  });

  it('gives teams turns by their weights, however many of each wait', () => {
    const queue = new FairQueue<Item>();
    for (let at = 0; at < 300; at += 1) queue.add(item('many'));
    for (let at = 0; at < 60; at += 1) queue.add(item('few', { weight: 3 }));
    const first = turns(queue, 80);
    expect(count(first, 'few')).toBe(60);
    expect(count(first, 'many')).toBe(20);
  });

  it('gives as much to a team of dear calls as to one of cheap ones', () => {
    const queue = new FairQueue<Item>();
    for (let at = 0; at < 100; at += 1) {
      queue.add(item('dear', { cost: 0.04 }));
      queue.add(item('cheap', { cost: 0.01 }));
    }
    const first = turns(queue, 100);
    expect(count(first, 'dear')).toBe(20);
  });

  it('lets nobody save turns up by asking for nothing', () => {
    const queue = new FairQueue<Item>();
    for (let at = 0; at < 100; at += 1) queue.add(item('steady'));
    turns(queue, 50);
    for (let at = 0; at < 50; at += 1) queue.add(item('late'));
    expect(count(turns(queue, 40), 'steady')).toBe(20);
  });

  it('gives no more to who comes one at a time', () => {
    const queue = new FairQueue<Item>();
    for (let at = 0; at < 100; at += 1) queue.add(item('steady', { weight: 3 }));
    const served: Item[] = [];
    for (let at = 0; at < 40; at += 1) {
      if (![...queue].some(({ share }) => share.team === 'single')) queue.add(item('single'));
      served.push(...turns(queue, 1));
    }
    expect(count(served, 'single')).toBe(10);
  });

  it('passes over who cannot take the turn, and forgets who leaves', () => {
    const queue = new FairQueue<Item>();
    const [one, two, three] = [item('a'), item('a'), item('b')];
    for (const each of [one, two, three]) queue.add(each);
    expect(queue.next((each) => each !== one && each !== three)).toBe(two);
    queue.delete(one);
    queue.delete(one);
    expect([queue.size, [...queue]]).toEqual([2, [two, three]]);
  });

  it('serves everybody once, whoever comes, leaves and waits', () => {
    const acts = fc.array(
      fc.oneof(
        fc.record({
          do: fc.constant('add' as const),
          team: fc.nat(80),
          cost: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.record({ do: fc.constant('leave' as const), at: fc.nat(50) }),
        fc.record({ do: fc.constant('turn' as const) }),
      ),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(acts, (steps) => {
        const queue = new FairQueue<Item>();
        const waiting: Item[] = [];
        for (const step of steps) {
          if (step.do === 'add') {
            const one = item(`team ${step.team}`, { cost: step.cost });
            queue.add(one);
            waiting.push(one);
          } else if (step.do === 'leave') {
            for (const one of waiting.splice(step.at, 1)) queue.delete(one);
          } else {
            const next = queue.next(ANYBODY);
            expect(next === undefined).toBe(waiting.length === 0);
            if (next === undefined) continue;
            queue.took(next, next.cost);
            waiting.splice(waiting.indexOf(next), 1);
          }
          expect(queue.size).toBe(waiting.length);
          expect(new Set(queue)).toEqual(new Set(waiting));
        }
      }),
    );
  });
});
