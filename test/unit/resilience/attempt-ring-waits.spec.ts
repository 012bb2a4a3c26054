import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation } from '../../../src/core/generation.js';
import type { Candidate } from '../../../src/resilience/candidate.js';
import { ConcurrencyConfig } from '../../../src/resilience/resilience.config.js';
import { callFixture } from '../../helpers/calls.js';
import {
  allPromises,
  error,
  good,
  OVERLOADED,
  quotaOfDay,
  quotaOfMinute,
  RingUnderTest,
  UNFIT,
} from './ring-fixture.js';

describe('AttemptRing, deadline', () => {
  it('begins no pause that ends at the deadline or after it', async () => {
    for (const [deadlineMs, pauses] of [
      [100, []],
      [101, [100]],
    ] as const) {
      const under = new RingUnderTest();
      await expect(under.run([under.candidate('a/m', OVERLOADED)], { deadlineMs })).rejects.toBe(OVERLOADED);
      expect(under.clock.pauses).toEqual(pauses);
    }
  });

  it('tells the caller of a wait that the deadline does not allow', async () => {
    const under = new RingUnderTest();
    const running = await under.begin([under.candidate('a/m', quotaOfMinute(5_000))], { deadlineMs: 5_000 });
    await expect(running.done).rejects.toMatchObject({
      reason: 'UPSTREAM_RATE_LIMITED',
      retryAfterMs: 5_000,
    });
    expect(under.clock.pauses).toEqual([]);
  });

  it('asks nobody once it has passed, and says what failed before', async () => {
    const under = new RingUnderTest();
    const slow = (): Error => {
      under.clock.advance(50);
      return OVERLOADED;
    };
    const candidates = [under.candidate('a/m', slow), under.candidate('b/m'), under.candidate('canned/x')];
    await expect(under.run(candidates, { deadlineMs: 50 })).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      metadata: { upstreamReason: 'UPSTREAM_OVERLOADED' },
    });
    expect(under.attempts).toEqual(['a/m#1']);
  });
});

describe('AttemptRing, long waits', () => {
  it.each([
    [60_000, [60_000]],
    [60_001, []],
  ])('are begun up to the longest allowed: %i ms', async (retryAfterMs, pauses) => {
    const under = new RingUnderTest({ maxWaitMs: 60_000 });
    const run = under.run([under.candidate('a/m', quotaOfMinute(retryAfterMs))], { deadlineMs: 1e6 });
    await expect(run).rejects.toMatchObject({ retryAfterMs });
    expect(under.clock.pauses).toEqual(pauses);
  });

  it('are not begun where there is another model', async () => {
    for (const [retryAfterMs, attempts] of [
      [1_000, ['a/m#1', 'a/m#2@1000']],
      [1_001, ['a/m#1', 'a/n#2']],
    ] as const) {
      const under = new RingUnderTest();
      await under.run([under.candidate('a/m', quotaOfMinute(retryAfterMs), good()), under.candidate('a/n')]);
      expect(under.attempts).toEqual(attempts);
    }
  });

  it('are for the target that is ready first', async () => {
    const under = new RingUnderTest();
    const candidates = [
      under.candidate('a/m', quotaOfMinute(9_000), good()),
      under.candidate('b/m', quotaOfMinute(4_000), good()),
    ];
    await under.run(candidates);
    expect(under.attempts).toEqual(['a/m#1', 'b/m#2', 'b/m#3@4000']);
  });
});

describe('AttemptRing, abort', () => {
  /** A call in a pause. */
  async function paused(under: RingUnderTest, signal: AbortSignal) {
    const candidates = [under.candidate('a/m', OVERLOADED), under.candidate('canned/x')];
    const running = await under.begin(candidates, { signal });
    expect([under.attempts, under.clock.armed]).toEqual([['a/m#1'], 1]);
    return running;
  }

  it('ends a pause within the same tick, without another attempt', async () => {
    const under = new RingUnderTest();
    const controller = new AbortController();
    const { done } = await paused(under, controller.signal);
    let ticks = 0;
    const tick = setImmediate(() => (ticks += 1));
    controller.abort();
    await expect(done).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(ticks).toBe(0);
    clearImmediate(tick);
    expect(under.attempts).toEqual(['a/m#1']);
    expect(under.clock.armed).toBe(0);
  });

  it('rejects with the reason that the gateway gave', async () => {
    const under = new RingUnderTest();
    const controller = new AbortController();
    const { done } = await paused(under, controller.signal);
    const reason = new GatewayError('DEADLINE_EXCEEDED', 'It is over.');
    controller.abort(reason);
    await expect(done).rejects.toBe(reason);
  });

  it('before the first attempt leaves none to be made', async () => {
    const under = new RingUnderTest();
    const run = under.run([under.candidate('a/m')], { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(under.attempts).toEqual([]);
  });

  it('during an attempt leaves it the last', async () => {
    const under = new RingUnderTest();
    const controller = new AbortController();
    const leaving = (): Error => {
      controller.abort();
      return OVERLOADED;
    };
    const candidates = [under.candidate('a/m', leaving), under.candidate('b/m')];
    await expect(under.run(candidates, { signal: controller.signal })).rejects.toBe(OVERLOADED);
    expect(under.attempts).toEqual(['a/m#1']);
  });
});

describe('AttemptRing, targets left alone', () => {
  it('waits for a resting target where it may', async () => {
    const under = new RingUnderTest();
    const early = { deadlineMs: 1_000 };
    await expect(under.run([under.candidate('a/m', quotaOfMinute(2_000))], early)).rejects.toBeDefined();
    const running = await under.begin([under.candidate('a/m')]);
    await under.pass(2_000);
    await running.done;
    expect(under.attempts).toEqual(['a/m#1', 'a/m#1@2000']);
    expect(running.call.record.skipped).toEqual([{ target: 'a/m', why: 'It is UPSTREAM_RATE_LIMITED.' }]);
  });

  it('says UPSTREAM_QUOTA_EXHAUSTED and the soonest time where all rest until a reset', async () => {
    const under = new RingUnderTest();
    const candidates = [
      under.candidate('a/m', quotaOfDay(100_000), good()),
      under.candidate('b/n', quotaOfDay(80_000), good()),
    ];
    await expect(under.run(candidates)).rejects.toMatchObject({ reason: 'UPSTREAM_QUOTA_EXHAUSTED' });
    under.clock.advance(1_000);
    await expect(under.run(candidates)).rejects.toMatchObject({
      reason: 'UPSTREAM_QUOTA_EXHAUSTED',
      message: 'It is UPSTREAM_QUOTA_EXHAUSTED.',
      retryAfterMs: 79_000,
    });
    expect(under.attempts).toEqual(['a/m#1', 'b/n#2']);
  });

  it('says NO_TARGET and the soonest time where one is left alone for its failures', async () => {
    const under = new RingUnderTest({}, 0);
    const failing = [under.candidate('a/m', OVERLOADED)];
    for (let call = 0; call < 2; call += 1) await expect(under.run(failing)).rejects.toBe(OVERLOADED);
    await expect(under.run([under.candidate('b/m', quotaOfDay(90_000))])).rejects.toBeDefined();
    under.attempts.length = 0;
    const run = under.run([under.candidate('a/m'), under.candidate('b/m')]);
    await expect(run).rejects.toMatchObject({ reason: 'NO_TARGET', retryAfterMs: 5_000 });
    expect(under.attempts).toEqual([]);
  });

  it('says the time of the latest refusal, not of one that has passed', async () => {
    const under = new RingUnderTest();
    const inFlight = under.health.admit('a/m');
    if ('refusal' in inFlight) throw new Error('refused');
    const early = { deadlineMs: 100 };
    await expect(under.run([under.candidate('a/m', quotaOfMinute(1_000))], early)).rejects.toBeDefined();
    const { done } = await under.begin([under.candidate('a/m')]);
    under.health.failed('a/m', inFlight.ticket, quotaOfDay(90_000));
    await under.pass(1_000);
    await expect(done).rejects.toMatchObject({ reason: 'UPSTREAM_QUOTA_EXHAUSTED', retryAfterMs: 89_000 });
  });

  it('asks what is no upstream whatever failed before', async () => {
    const under = new RingUnderTest();
    const rested = under.candidate('a/m', quotaOfDay(90_000));
    await expect(under.run([rested])).rejects.toBeDefined();
    for (let call = 0; call < 10; call += 1) await under.run([rested, under.candidate('canned/x')]);
    expect(under.attempts.slice(1)).toEqual(Array.from({ length: 10 }, () => 'canned/x#1'));
  });
});

describe('AttemptRing, lack of room', () => {
  /** A candidate with room for so many calls, which comes back after a while. */
  function limited(under: RingUnderTest, name: string, places: number) {
    const state = { places, reserved: 0, released: 0, settled: 0, aged: [] as boolean[] };
    const candidate: Candidate = {
      ...under.candidate(name),
      quota: {
        cost: () => 0.01,
        reserve: async (aged) => {
          await Promise.resolve();
          state.aged.push(aged);
          const notBeforeMs = under.clock.monotonicMs() + 2_000;
          if (state.places === 0) return { refusal: { why: 'It is full.', notBeforeMs, kind: 'rate' } };
          state.places -= 1;
          state.reserved += 1;
          return {
            hold: {
              answered: () => void (state.settled += 1),
              failed: () => void (state.settled += 1),
              release: () => void (state.released += 1),
            },
          };
        },
      },
    };
    return { state, candidate };
  }

  it('is waited for, in line; the room is the call’s own', async () => {
    const under = new RingUnderTest();
    const { state, candidate } = limited(under, 'a/m', 0);
    const first = await under.begin([candidate], { priority: 'standard' });
    const second = await under.begin([candidate], { priority: 'interactive' });
    expect([under.attempts, state.aged.length]).toEqual([[], 2]);
    state.places = 1;
    await under.pass(2_000);
    expect([first.over, second.over]).toEqual([false, true]);
    state.places = 1;
    await under.pass(2_000);
    expect([first.over, under.attempts.length, state.reserved]).toEqual([true, 2, 2]);
    expect(first.call.record.waitedMs).toBeGreaterThanOrEqual(2_000);
    expect(first.call.record.skipped).toEqual([{ target: 'a/m', why: 'It is full.' }]);
  });

  it('sends nobody past those who wait', async () => {
    const under = new RingUnderTest();
    const { state, candidate } = limited(under, 'a/m', 0);
    await under.begin([candidate], { priority: 'standard' });
    state.places = 1;
    const late = await under.begin([candidate], { priority: 'standard' });
    expect([late.over, state.places]).toEqual([false, 1]);
    const urgent = await under.begin([candidate], { priority: 'interactive' });
    expect([urgent.over, late.over]).toEqual([true, false]);
    await under.pass(70_000);
    expect(late.over).toBe(true);
  });

  it('sends the call to whichever target has room first, of any group', async () => {
    const under = new RingUnderTest();
    const [one, other] = [limited(under, 'a/m', 0), limited(under, 'a/n', 0)];
    const running = await under.begin([one.candidate, other.candidate]);
    await under.pass(3_000);
    expect(running.over).toBe(false);
    one.state.places = 1;
    await under.pass(2_000);
    expect(under.attempts).toEqual([expect.stringMatching(/^a\/m#1/)]);
  });

  it('sends the call at once to another group with room, and waits a little before a last resort', async () => {
    const under = new RingUnderTest();
    const [full, free] = [limited(under, 'a/m', 0), limited(under, 'a/n', 1)];
    const other = await under.begin([full.candidate, free.candidate]);
    expect([other.over, under.attempts]).toEqual([true, ['a/n#1']]);
    const running = await under.begin([full.candidate, under.candidate('canned/x')]);
    expect(running.over).toBe(true);
    const soon = limited(under, 'b/m', 0);
    soon.candidate.quota!.reserve = () =>
      Promise.resolve({
        // At the third time the answer is that it comes after the second for which a last resort waits.
        refusal: { why: 'It is full.', notBeforeMs: under.clock.monotonicMs() + 400, kind: 'rate' },
      });
    const last = await under.begin([soon.candidate, under.candidate('canned/x')]);
    await under.pass(700);
    expect(last.over).toBe(false);
    await under.pass(200);
    expect(last.over).toBe(true);
  });

  it('is foreseen for urgent calls on every target that would do, once for each call', async () => {
    const under = new RingUnderTest();
    const [one, other] = [limited(under, 'a/m', 9), limited(under, 'a/n', 9)];
    const both = [one.candidate, other.candidate];
    await under.begin(both, { priority: 'standard' });
    expect(under.demand.reserved('a/m')).toBe(0);
    await under.begin(both, { priority: 'interactive' });
    expect(under.demand.reserved('a/n')).toBeGreaterThan(0);
    expect(under.demand.reserved('a/m')).toBe(under.demand.reserved('a/n'));
    expect(under.demand.reserved('b/m')).toBe(0);
  });

  it('is told at once where the deadline comes first, with the time until there is some', async () => {
    const under = new RingUnderTest();
    const { candidate } = limited(under, 'a/m', 0);
    const { done } = await under.begin([candidate], { deadlineMs: 1_999 });
    await expect(done).rejects.toMatchObject({ reason: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 2_000 });
    expect(under.clock.armed).toBe(0);
  });

  it('is QUEUE_FULL where too many wait', async () => {
    const under = new RingUnderTest({}, 1, { maxWaitingPerClass: 1 });
    const { candidate } = limited(under, 'a/m', 0);
    const waiting = await under.begin([candidate]);
    const { done } = await under.begin([candidate]);
    await expect(done).rejects.toMatchObject({
      reason: 'QUEUE_FULL',
      message: expect.stringContaining('of the class interactive'),
      retryAfterMs: expect.any(Number),
    });
    await under.pass(70_000);
    await expect(waiting.done).rejects.toMatchObject({ reason: 'UPSTREAM_RATE_LIMITED' });
  });

  it('ends with the caller: who leaves takes no room', async () => {
    const under = new RingUnderTest();
    const { state, candidate } = limited(under, 'a/m', 0);
    const caller = new AbortController();
    const { done } = await under.begin([candidate], { signal: caller.signal });
    caller.abort();
    await expect(done).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect([under.clock.armed, under.scheduler.isWaitedFor('a/m')]).toEqual([0, false]);
    state.places = 1;
    const leaving = new AbortController();
    const asking = under.ring.run(callFixture({ signal: leaving.signal }), [candidate]);
    leaving.abort();
    await expect(asking).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect([state.reserved, state.released]).toEqual([1, 1]);
    expect(under.attempts).toEqual([]);
  });

  it('comes from too many calls under way, too, and ends with one of them', async () => {
    const under = new RingUnderTest({
      concurrency: Object.assign(new ConcurrencyConfig(), { initialCalls: 1, minCalls: 1 }),
    });
    const slow = Promise.withResolvers<Generation>();
    const first = await under.begin([under.candidate('a/m', slow.promise)]);
    const second = await under.begin([under.candidate('a/m')]);
    await under.pass(3_000);
    expect(second.over).toBe(false);
    slow.resolve(good());
    await collect(await first.done);
    await allPromises();
    expect(second.over).toBe(true);
    const early = await under.begin([under.candidate('a/m')], { deadlineMs: 3_010 });
    await expect(early.done).rejects.toMatchObject({ reason: 'UPSTREAM_OVERLOADED' });
  });
});

describe('AttemptRing, what a target cannot do', () => {
  it('never hides how another failed', async () => {
    for (const order of [
      ['a/m', 'b/m'],
      ['b/m', 'a/m'],
    ]) {
      const under = new RingUnderTest();
      const down = error('UPSTREAM_AUTH');
      const candidates = order.map((name) => under.candidate(name, name === 'a/m' ? UNFIT : down));
      await expect(under.run(candidates)).rejects.toBe(down);
    }
  });

  it('never hides that another rests', async () => {
    const under = new RingUnderTest();
    await expect(under.run([under.candidate('b/m', quotaOfDay(90_000))])).rejects.toBeDefined();
    const run = under.run([under.candidate('a/m', UNFIT), under.candidate('b/m')]);
    await expect(run).rejects.toMatchObject({ reason: 'UPSTREAM_QUOTA_EXHAUSTED', retryAfterMs: 90_000 });
  });

  it('is told where there is nothing else to tell', async () => {
    const under = new RingUnderTest();
    const run = under.run([under.candidate('a/m', UNFIT), under.candidate('b/m', UNFIT)]);
    await expect(run).rejects.toBe(UNFIT);
    expect(under.attempts).toEqual(['a/m#1', 'b/m#2']);
  });
});
