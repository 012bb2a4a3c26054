import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { error, good, OVERLOADED, quotaOfDay, quotaOfMinute, RingUnderTest, UNFIT } from './ring-fixture.js';

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
    const under = new RingUnderTest();
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
    under.clock.advance(2_000);
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
    under.clock.advance(1_000);
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
