import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { RetryBudget } from '../../../src/resilience/retry-budget.js';

const times = (count: number, act: () => void): void => {
  for (let done = 0; done < count; done += 1) act();
};

/** How many retries a target gets now. Takes them. */
function granted(budget: RetryBudget, target: string): number {
  let count = 0;
  while (count < 1_000 && budget.retry(target) !== undefined) count += 1;
  return count;
}

describe('RetryBudget', () => {
  it('allows the floor however few calls are under way', () => {
    expect(granted(new RetryBudget({ share: 0.2, floor: 3 }), 'a')).toBe(3);
    expect(granted(new RetryBudget({ share: 0.2, floor: 0 }), 'a')).toBe(0);
  });

  it('allows a share of the calls under way, rounded down', () => {
    const budget = new RetryBudget({ share: 0.2, floor: 3 });
    times(29, () => {
      budget.call();
      budget.attempt('a');
    });
    expect(granted(budget, 'a')).toBe(5);
  });

  it('counts what is under way, not what is over', () => {
    const budget = new RetryBudget({ share: 0.5, floor: 0 });
    const over = [budget.call(), budget.call(), budget.attempt('a'), budget.attempt('a')];
    for (const end of over) end();
    expect(budget.retry('a')).toBeUndefined();
  });

  it('bounds each target by the attempts on it', () => {
    const budget = new RetryBudget({ share: 0.5, floor: 1 });
    times(100, () => budget.call());
    times(8, () => budget.attempt('a'));
    expect(granted(budget, 'a')).toBe(4);
    expect(granted(budget, 'b')).toBe(1);
  });

  it('bounds the process over all targets', () => {
    const budget = new RetryBudget({ share: 0.5, floor: 3 });
    times(10, () => budget.call());
    expect(['a', 'b', 'c'].map((target) => granted(budget, target))).toEqual([3, 2, 0]);
  });

  it('takes a retry back once, however often it is given back', () => {
    const budget = new RetryBudget({ share: 0, floor: 2 });
    const giveBack = budget.retry('a');
    budget.retry('a');
    expect(budget.retry('a')).toBeUndefined();
    giveBack?.();
    giveBack?.();
    expect(granted(budget, 'a')).toBe(1);
  });

  it('ends calls and attempts once, however often that is said', () => {
    const budget = new RetryBudget({ share: 0.5, floor: 0 });
    const over = budget.call();
    const attemptOver = budget.attempt('a');
    times(3, () => {
      budget.call();
      budget.attempt('a');
    });
    times(3, over);
    times(3, attemptOver);
    expect(granted(budget, 'a')).toBe(1);
  });

  it('never grants more than it may, and is as new once all is over', () => {
    const step = fc.record({
      act: fc.constantFrom('call', 'attempt', 'retry', 'end'),
      target: fc.constantFrom('a', 'b'),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = new RetryBudget({ share: 0.5, floor: 2 });
        const open: { act: string; target: string; end: () => void }[] = [];
        const count = (act: string, target?: string): number =>
          open.filter((one) => one.act === act && (target === undefined || one.target === target)).length;
        for (const { act, target, which } of steps) {
          if (act === 'call') open.push({ act, target, end: budget.call() });
          else if (act === 'attempt') open.push({ act, target, end: budget.attempt(target) });
          else if (act === 'end') open.splice(which % (open.length || 1), 1)[0]?.end();
          else {
            const ofAll = Math.max(2, Math.floor(count('call') * 0.5));
            const own = Math.max(2, Math.floor(count('attempt', target) * 0.5));
            const end = budget.retry(target);
            expect(end !== undefined).toBe(count('retry') < ofAll && count('retry', target) < own);
            if (end !== undefined) open.push({ act, target, end });
          }
        }
        for (const { end } of open) end();
        expect(granted(budget, 'a')).toBe(2);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps nothing of targets that nothing is under way on', () => {
    const set = jest.spyOn(Map.prototype, 'set');
    const budget = new RetryBudget({ share: 0, floor: 1 });
    const open = [budget.attempt('a'), budget.retry('b')];
    expect(budget.retry('c')).toBeUndefined();
    const [counts] = set.mock.contexts as Map<string, unknown>[];
    set.mockRestore();
    expect([...(counts?.keys() ?? [])]).toEqual(['a', 'b']);
    for (const end of open) end?.();
    expect(counts?.size).toBe(0);
  });

  it('takes the share of first attempts: retries under way make no room for more', () => {
    const budget = new RetryBudget({ share: 0.5, floor: 0 });
    for (let calls = 0; calls < 40; calls += 1) budget.call();
    for (let attempts = 0; attempts < 10; attempts += 1) budget.attempt('p/m');
    let retries = 0;
    while (budget.retry('p/m') !== undefined) retries += 1;
    expect(retries).toBe(5);
  });
});
