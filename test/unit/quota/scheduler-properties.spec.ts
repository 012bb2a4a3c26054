import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { CLASSES } from '../../../src/quota/line.js';
import { QuotaConfig } from '../../../src/quota/quota.config.js';
import { QuotaScheduler, type WaitEnd, type Wish } from '../../../src/quota/scheduler.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const TARGETS = ['a', 'b', 'c'];
/** How finely time passes. */
const TICK_MS = 250;

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      priority: fc.constantFrom(...CLASSES),
      team: fc.nat(3),
      targets: fc.subarray(TARGETS, { minLength: 1 }),
      cost: fc.constantFrom(0, 0.001, 0.03, 0.3),
      needs: fc.integer({ min: 1, max: 3 }),
      forMs: fc.integer({ min: 0, max: 90_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('free' as const),
      target: fc.constantFrom(...TARGETS),
      places: fc.nat(4),
      told: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), byMs: fc.nat(5_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), at: fc.nat(20) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type WaitStep = Extract<Step, { do: 'wait' }>;

interface Waiting {
  readonly caller: AbortController;
  readonly untilMs: number;
  /** Times that it got room. */
  got: number;
  /** Whether its next question fails. */
  broken: boolean;
  end: WaitEnd | 'thrown' | undefined;
  endedMs: number;
}

const allPromises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whatever calls do, in a world with room for some of them. */
class World {
  readonly clock = new ManualClock();
  readonly scheduler = new QuotaScheduler(
    Object.assign(new QuotaConfig(), { maxWaitingPerClass: 8, agingMs: 5_000 }),
    this.clock,
  );
  readonly calls: Waiting[] = [];
  readonly room = new Map(TARGETS.map((target) => [target, 0]));
  made = 0;
  taken = 0;

  async take(each: Step): Promise<void> {
    if (each.do === 'wait') this.#wait(each);
    if (each.do === 'leave') this.calls[each.at]?.caller.abort();
    if (each.do === 'break' && this.calls[each.at] !== undefined) this.calls[each.at]!.broken = true;
    if (each.do === 'free') {
      this.made += each.places;
      this.room.set(each.target, (this.room.get(each.target) ?? 0) + each.places);
      if (each.told) this.scheduler.freed(each.target);
    }
    if (each.do === 'pass') await this.pass(each.byMs);
    await allPromises();
  }

  async pass(byMs: number): Promise<void> {
    for (let left = byMs; left > 0; left -= TICK_MS) {
      this.clock.advance(Math.min(left, TICK_MS));
      await allPromises();
    }
  }

  #wait({ priority, team, targets, cost, needs, forMs }: WaitStep): void {
    const untilMs = this.clock.monotonicMs() + forMs;
    const call: Waiting = {
      caller: new AbortController(),
      untilMs,
      got: 0,
      broken: false,
      end: undefined,
      endedMs: 0,
    };
    this.calls.push(call);
    const wishes = targets.map((target): Wish => ({
      target,
      cost,
      dueMs: this.clock.monotonicMs() + 700,
      ask: async () => {
        await Promise.resolve();
        if (call.broken) throw new Error('broken');
        const left = this.room.get(target) ?? 0;
        if (left < needs) return { got: false, dueMs: this.clock.monotonicMs() + 700 };
        this.room.set(target, left - needs);
        this.taken += needs;
        call.got += 1;
        return { got: true };
      },
    }));
    const request = { priority, tenant: 't', team: `${team}`, untilMs, signal: call.caller.signal };
    const ended = (end: Waiting['end']): void => {
      expect(call.end).toBeUndefined();
      call.end = end;
      call.endedMs = this.clock.monotonicMs();
    };
    this.scheduler.wait(request, wishes).then(ended, () => ended('thrown'));
  }
}

describe('QuotaScheduler, whatever happens', () => {
  it('ends every wait once, in its time, with room for those alone that are told so', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const world = new World();
        for (const each of steps) {
          await world.take(each);
          const waiting = world.scheduler.counts().reduce((sum, one) => sum + one.waiting, 0);
          expect(waiting).toBe(world.calls.filter(({ end }) => end === undefined).length);
        }
        await world.pass(100_000);
        for (const { got, end, endedMs, untilMs } of world.calls) {
          expect(end).toBeDefined();
          expect(got).toBe(typeof end === 'object' && end.kind === 'got' ? 1 : 0);
          expect(endedMs).toBeLessThanOrEqual(untilMs + TICK_MS);
        }
        const left = [...world.room.values()].reduce((sum, places) => sum + places, 0);
        expect(world.taken + left).toBe(world.made);
        expect(world.clock.armed).toBe(0);
        for (const target of TARGETS) expect(world.scheduler.isWaitedFor(target)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });
});
