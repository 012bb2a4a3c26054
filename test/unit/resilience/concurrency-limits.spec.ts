import { beforeEach, describe, expect, it } from '@jest/globals';
import { ConcurrencyLimits, type ConcurrencySlot } from '../../../src/resilience/concurrency-limits.js';
import { ConcurrencyConfig, ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import type { QuotaScheduler } from '../../../src/quota/scheduler.js';
import { ManualClock } from '../../helpers/manual-clock.js';

let clock: ManualClock;
let limits: ConcurrencyLimits;
let freed: string[];
function setUp(concurrency: Partial<ConcurrencyConfig> = {}): void {
  clock = new ManualClock();
  freed = [];
  const config = Object.assign(new ResilienceConfig(), {
    concurrency: Object.assign(new ConcurrencyConfig(), concurrency),
  });
  const scheduler = { freed: (target: string) => void freed.push(target) } as unknown as QuotaScheduler;
  limits = new ConcurrencyLimits(config, clock, scheduler);
}
beforeEach(() => setUp());

/** Takes as many places as there are, at most so many. */
function enter(most: number): ConcurrencySlot[] {
  const slots: ConcurrencySlot[] = [];
  while (slots.length < most) {
    const slot = limits.enter('p/m');
    if (slot === undefined) break;
    slots.push(slot);
  }
  return slots;
}
/** One second of so many calls at once, some of them overloaded; how many were let in. */
function second(calls: number, { overloaded = 0, msPerToken = 10, tokens = 100 } = {}): number {
  const slots = enter(calls);
  clock.advance(1_000);
  for (const [at, slot] of slots.entries()) {
    if (at < overloaded) slot.overloaded();
    else slot.answered(tokens * msPerToken, tokens);
  }
  for (const slot of slots) slot.leave();
  return slots.length;
}
const limit = () => limits.counts()[0]?.limit;

describe('ConcurrencyLimits', () => {
  it('lets no more under way than the limit, and gives places back', () => {
    setUp({ initialCalls: 3 });
    const slots = enter(10);
    expect(slots).toHaveLength(3);
    expect(limits.counts()).toEqual([{ target: 'p/m', limit: 3, underWay: 3 }]);
    expect(freed).toEqual([]);
    slots[0]?.leave();
    expect(freed).toEqual(['p/m']);
    expect(enter(10)).toHaveLength(1);
    slots[1]?.unused();
    expect(enter(10)).toHaveLength(1);
    // Who gives back what it did not need would only wake itself.
    expect(freed).toEqual(['p/m']);
    expect(limits.enter('other/m')).toBeDefined();
  });

  it('allows fewer while the target answers that it has too much to do, down to the least', () => {
    expect(second(100, { overloaded: 20 })).toBe(100);
    expect(limit()).toBe(80);
    expect(second(100, { overloaded: 20 })).toBe(80);
    expect(limit()).toBe(64);
    for (let at = 0; at < 20; at += 1) second(100, { overloaded: 100 });
    expect(limit()).toBe(10);
  });

  it('bears the few overloads that there always are', () => {
    setUp({ initialCalls: 100 });
    second(100, { overloaded: 9 });
    expect(limit()).toBe(110);
  });

  it('allows more where as many as allowed are under way and it copes, up to the most', () => {
    setUp({ initialCalls: 16, maxCalls: 30 });
    second(16);
    expect(limit()).toBe(20);
    for (let at = 0; at < 9; at += 1) second(100);
    expect(limit()).toBe(30);
    setUp({ initialCalls: 16 });
    second(10);
    expect(limit()).toBe(16);
  });

  it('allows fewer where answers take much longer than usual for their length, not where they are long', () => {
    second(100);
    second(100, { tokens: 10_000 });
    second(100, { tokens: 1_000 });
    expect(limit()).toBe(1_000);
    second(100, { msPerToken: 39 });
    expect(limit()).toBe(1_000);
    second(100, { msPerToken: 100 });
    expect(limit()).toBe(80);
  });

  it('does not take answers of all lengths that take equally long for slow', () => {
    for (const tokens of [5, 2_000, 20, 500, 5, 5]) second(100, { tokens, msPerToken: 1_000 / tokens });
    expect(limit()).toBe(1_000);
  });

  it('does not mind what nobody notices, nor judge by few', () => {
    second(100, { tokens: 1, msPerToken: 2 });
    second(100, { tokens: 1, msPerToken: 400 });
    second(9, { overloaded: 9 });
    expect(limit()).toBe(1_000);
  });

  it('changes at most once a second, and not for what was before a pause', () => {
    const slots = enter(40);
    for (const slot of slots.slice(0, 30)) slot.overloaded();
    for (const slot of slots) slot.leave();
    expect(limit()).toBe(1_000);
    clock.advance(60_000);
    second(40);
    expect(limit()).toBe(1_000);
  });
});
