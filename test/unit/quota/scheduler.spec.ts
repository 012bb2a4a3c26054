import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Priority } from '../../../src/core/call.js';
import { QuotaConfig } from '../../../src/quota/quota.config.js';
import { QuotaScheduler, type Asked, type WaitEnd, type Wish } from '../../../src/quota/scheduler.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const allPromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let clock: ManualClock;
let scheduler: QuotaScheduler;
/** Places that are free now, by target. */
let room: Record<string, number>;
/** Who got room, in order. */
let got: string[];
/** Who asked, in order. */
let asked: string[];

function setUp(config: Partial<QuotaConfig> = {}): void {
  clock = new ManualClock();
  scheduler = new QuotaScheduler(Object.assign(new QuotaConfig(), config), clock);
  room = {};
  got = [];
  asked = [];
}
beforeEach(() => setUp());
afterEach(async () => {
  // Whoever still waits is let go, so that nobody waits at the end.
  await pass(200_000);
  expect([clock.armed, scheduler.isWaitedFor('a'), scheduler.isWaitedFor('b')]).toEqual([0, false, false]);
});

async function pass(byMs: number): Promise<void> {
  for (let left = byMs; left > 0; left -= 500) {
    clock.advance(Math.min(left, 500));
    await allPromises();
  }
}

interface Wanted {
  readonly priority?: Priority;
  readonly team?: string;
  readonly tenant?: string;
  readonly cost?: number;
  readonly forMs?: number;
  readonly targets?: readonly string[];
  readonly signal?: AbortSignal;
  /** How much room it needs. */
  readonly needs?: number;
  /** When asking again is said to be of use; in a second unless given. */
  readonly dueMs?: number;
}

/** Waits under a name. */
function wait(name: string, wanted: Wanted = {}): Promise<WaitEnd> {
  const { priority = 'standard', team = 't', tenant = 'x', cost = 0, forMs = 100_000 } = wanted;
  const { targets = ['a'], signal = new AbortController().signal, needs = 1 } = wanted;
  const wishes = targets.map((target): Wish => ({
    target,
    cost,
    dueMs: wanted.dueMs ?? clock.monotonicMs() + 1_000,
    ask: async (aged): Promise<Asked> => {
      asked.push(name);
      await Promise.resolve();
      if ((room[target] ?? 0) < needs) return { got: false, dueMs: clock.monotonicMs() + 1_000 };
      room[target] = (room[target] ?? 0) - needs;
      got.push(`${name}${aged ? ' by age' : ''}${targets.length > 1 ? ` on ${target}` : ''}`);
      return { got: true };
    },
  }));
  const untilMs = clock.monotonicMs() + forMs;
  return scheduler.wait({ priority, tenant, team, untilMs, signal }, wishes);
}
async function free(places: number, target = 'a'): Promise<void> {
  room[target] = (room[target] ?? 0) + places;
  scheduler.freed(target);
  await allPromises();
}

describe('QuotaScheduler', () => {
  it('gives room to who came first, as soon as there is some', async () => {
    const ends = ['one', 'two', 'three'].map((name) => wait(name));
    await free(2);
    expect(got).toEqual(['one', 'two']);
    await free(1);
    expect(got).toEqual(['one', 'two', 'three']);
    for (const end of ends) expect(await end).toMatchObject({ kind: 'got', wish: { target: 'a' } });
    expect(scheduler.counts()).toContainEqual({
      priority: 'standard',
      waiting: 0,
      served: 3,
      servedMs: 0,
      refused: 0,
    });
  });

  it('lets one ask at a time, when it is of use and at least each second', async () => {
    for (const name of ['one', 'two', 'three']) void wait(name, { dueMs: 10_000 });
    await pass(999);
    expect(asked).toEqual([]);
    await pass(1);
    expect(asked).toEqual(['one']);
    await pass(9_000);
    expect(asked).toHaveLength(10);
    expect(new Set(asked)).toEqual(new Set(['one']));
    room['a'] = 2;
    await pass(1_000);
    expect(got).toEqual(['one', 'two']);
  });

  it('lets nobody be overtaken because it needs more', async () => {
    void wait('large', { needs: 5 });
    void wait('small');
    await free(3);
    expect(got).toEqual([]);
    await free(2);
    expect(got).toEqual(['large']);
    await free(1);
    expect(got).toEqual(['large', 'small']);
  });

  it('gives room to the more urgent class first', async () => {
    void wait('batch', { priority: 'batch' });
    void wait('standard');
    void wait('interactive', { priority: 'interactive' });
    await free(1);
    await free(1);
    await free(1);
    expect(got).toEqual(['interactive', 'standard', 'batch']);
  });

  it('gives teams of a class turns by weight, and keeps tenants apart', async () => {
    setUp({ teams: { heavy: { weight: 3 } } });
    for (let at = 0; at < 20; at += 1) {
      void wait('light', { team: 'light', cost: 0.001 });
      void wait('heavy', { team: 'heavy', cost: 0.001 });
      void wait('other light', { team: 'light', tenant: 'y', cost: 0.001 });
    }
    await free(20);
    expect(Object.groupBy(got, (name) => name)).toMatchObject({
      light: { length: 4 },
      heavy: { length: 12 },
      'other light': { length: 4 },
    });
  });

  it('lets nobody starve: one turn in ten goes to who waits longest', async () => {
    void wait('batch', { priority: 'batch', forMs: 150_000 });
    void wait('later batch', { priority: 'batch', forMs: 150_000 });
    await pass(15_000);
    for (let at = 0; at < 30; at += 1) void wait('interactive', { priority: 'interactive' });
    await free(1);
    // Nobody had a turn by age for a long time.
    expect(got).toEqual(['batch by age']);
    await free(9);
    expect(new Set(got.slice(1))).toEqual(new Set(['interactive']));
    await free(1);
    expect(got.at(-1)).toBe('later batch by age');
  });

  it('keeps the turn of who waits longest until there is room for it', async () => {
    void wait('large', { priority: 'batch', needs: 5, forMs: 150_000 });
    await pass(15_000);
    expect(scheduler.aheadMs('a', 'interactive')).toBeDefined();
    void wait('interactive', { priority: 'interactive' });
    await free(3);
    expect(got).toEqual([]);
    await free(3);
    expect(got).toEqual(['large by age', 'interactive']);
  });

  it('takes the first room on any of the targets, once', async () => {
    void wait('either', { targets: ['a', 'b'] });
    void wait('first on b', { targets: ['b'] });
    await free(1, 'b');
    expect(got).toEqual(['either on b']);
    await free(1, 'a');
    await free(1, 'b');
    expect(got).toEqual(['either on b', 'first on b']);
    expect(room['a']).toBe(1);
  });

  it('frees the place of who leaves, at once', async () => {
    const leaving = new AbortController();
    const left = wait('leaving', { signal: leaving.signal });
    void wait('next');
    leaving.abort();
    expect(await left).toEqual({ kind: 'over' });
    await free(1);
    expect(got).toEqual(['next']);
    expect(await wait('gone', { signal: AbortSignal.abort() })).toEqual({ kind: 'over' });
  });

  it('ends a wait at its time', async () => {
    const end = wait('short', { forMs: 3_000 });
    await pass(2_999);
    expect(scheduler.isWaitedFor('a')).toBe(true);
    await pass(1);
    expect(await end).toEqual({ kind: 'over' });
    expect(scheduler.isWaitedFor('a')).toBe(false);
  });

  it('refuses at once a wait that would be too long, with how long it would be', async () => {
    setUp({ agingMs: 200_000 });
    expect(await wait('late', { forMs: 999 })).toEqual({ kind: 'late', retryAfterMs: 1_000 });
    for (let at = 0; at < 10; at += 1) void wait('each takes a tenth of a minute', { cost: 0.1 });
    expect(scheduler.aheadMs('a', 'standard')).toBe(61_000);
    expect(scheduler.aheadMs('a', 'interactive')).toBeUndefined();
    expect(await wait('late', { forMs: 60_999 })).toEqual({ kind: 'late', retryAfterMs: 61_000 });
    expect(await wait('late batch', { priority: 'batch', forMs: 60_999 })).toMatchObject({ kind: 'late' });
    void wait('urgent', { priority: 'interactive', forMs: 2_000 });
    void wait('patient', { forMs: 61_000 });
    await free(11);
    await pass(45_000);
    expect(got).toEqual(['urgent', ...Array.from({ length: 10 }, () => 'each takes a tenth of a minute')]);
  });

  it('tells newcomers a wait by the pace at which their class went on', async () => {
    setUp({ agingMs: 200_000 });
    for (let at = 0; at < 20; at += 1) void wait('standard', { cost: 0.01, forMs: 150_000 });
    // Half of the quota goes to others: one call in 1.2 s.
    for (let at = 0; at < 10; at += 1) {
      await pass(1_200);
      await free(1);
    }
    expect(got).toHaveLength(10);
    const aheadMs = scheduler.aheadMs('a', 'standard') ?? 0;
    expect(aheadMs).toBeGreaterThan(10_000);
    expect(aheadMs).toBeLessThan(14_000);
    expect(await wait('late', { forMs: 9_000 })).toMatchObject({ kind: 'late', retryAfterMs: aheadMs });
    expect(scheduler.aheadMs('a', 'batch')).toBeLessThan(aheadMs);
    // Calls of the class that found room without a wait are part of its pace.
    for (let at = 0; at < 10; at += 1) scheduler.passed('a', 'standard', () => 0.01);
    expect(scheduler.aheadMs('a', 'standard')).toBeLessThan(aheadMs / 1.5);
  });

  it('counts who waits for several targets in part for each', () => {
    for (let at = 0; at < 10; at += 1) void wait('either', { targets: ['a', 'b'], cost: 0.1 });
    expect(scheduler.aheadMs('a', 'standard')).toBe(31_000);
  });

  it('lets only so many of a class wait', async () => {
    setUp({ maxWaitingPerClass: 2 });
    void wait('one');
    void wait('two');
    expect(await wait('three')).toEqual({ kind: 'full', retryAfterMs: 1_000 });
    void wait('another class', { priority: 'batch' });
    await free(2);
    void wait('four');
    expect(scheduler.counts()).toMatchObject([
      { priority: 'interactive', waiting: 0 },
      { priority: 'standard', waiting: 1, served: 2, refused: 1 },
      { priority: 'batch', waiting: 1 },
    ]);
  });

  it('lets go at once who hears that no wait helps, and asks the next', async () => {
    const request = { priority: 'standard', tenant: 'x', team: 't', untilMs: 50_000 } as const;
    const { signal } = new AbortController();
    const hopeless = (dueMs: number): Wish[] => [
      { target: 'a', dueMs: 0, cost: 0, ask: () => Promise.resolve({ got: false, dueMs }) },
    ];
    const ends = [50_001, Infinity].map((dueMs) => scheduler.wait({ ...request, signal }, hopeless(dueMs)));
    void wait('next');
    await free(1);
    for (const end of ends) expect(await end).toEqual({ kind: 'over' });
    expect(got).toEqual(['next']);
  });

  it('passes on what asking throws, and goes on', async () => {
    const { signal } = new AbortController();
    const thrown = new Error('broken');
    const broken = scheduler.wait({ priority: 'standard', tenant: 'x', team: 't', untilMs: 50_000, signal }, [
      { target: 'a', dueMs: 0, cost: 0, ask: () => Promise.reject(thrown) },
    ]);
    void wait('next');
    const heard = expect(broken).rejects.toBe(thrown);
    await free(1);
    await heard;
    expect(got).toEqual(['next']);
  });

  it('gives room that came with the last moment to who asked for it', async () => {
    const { promise, resolve } = Promise.withResolvers<Asked>();
    const { signal } = new AbortController();
    const end = scheduler.wait({ priority: 'standard', tenant: 'x', team: 't', untilMs: 2_000, signal }, [
      { target: 'a', dueMs: 1_000, cost: 0, ask: () => promise },
    ]);
    await pass(3_000);
    resolve({ got: true });
    expect(await end).toMatchObject({ kind: 'got' });
  });
});
