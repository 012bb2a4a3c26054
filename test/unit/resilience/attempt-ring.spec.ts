import { describe, expect, it } from '@jest/globals';
import type { GatewayError } from '../../../src/core/gateway-error.js';
import {
  error,
  good,
  HANGING,
  OVERLOADED,
  quotaOfDay,
  quotaOfMinute,
  RingUnderTest,
  UNFIT,
} from './ring-fixture.js';

const OTHER_KEY = error('UPSTREAM_AUTH', { metadata: { otherCredentials: true } });
const TIMEOUT = error('UPSTREAM_UNAVAILABLE', { metadata: { timeout: 'first_event' } });

describe('AttemptRing, order', () => {
  it('returns the answer of the first candidate, and asks nobody else', async () => {
    const under = new RingUnderTest();
    const answer = good();
    const candidates = [under.candidate('a/m', answer), under.candidate('b/m')];
    expect(await under.run(candidates)).toMatchObject({ head: answer.head });
    expect(under.attempts).toEqual(['a/m#1']);
  });

  it('asks each of a group, then again those that may be, then the next group', async () => {
    const under = new RingUnderTest();
    const candidates = [
      under.candidate('a/m', OVERLOADED),
      under.candidate('a/n', good()),
      under.candidate('b/m', quotaOfDay(90_000)),
      under.candidate('c/m', TIMEOUT),
    ];
    await under.run(candidates);
    expect(under.attempts).toEqual([
      'a/m#1',
      'b/m#2',
      'c/m#3',
      'a/m#4@100',
      'c/m#5@100',
      'a/m#6@300',
      'a/n#7@300',
    ]);
  });

  it('asks again at once with other credentials, before it goes elsewhere', async () => {
    const under = new RingUnderTest();
    await under.run([under.candidate('a/m', OTHER_KEY, OTHER_KEY, good()), under.candidate('b/m')]);
    expect(under.attempts).toEqual(['a/m#1', 'a/m#2', 'a/m#3']);
    expect(under.clock.pauses).toEqual([]);
  });

  it('asks nobody else what anybody would refuse', async () => {
    const under = new RingUnderTest();
    const refused = error('INVALID_REQUEST');
    const candidates = [under.candidate('a/m', refused), under.candidate('b/m'), under.candidate('canned/x')];
    await expect(under.run(candidates)).rejects.toBe(refused);
    expect(under.attempts).toEqual(['a/m#1']);
  });

  it('makes INTERNAL of what is no error of the gateway', async () => {
    const under = new RingUnderTest();
    const candidates = [under.candidate('a/m', new TypeError('oops')), under.candidate('b/m')];
    await expect(under.run(candidates)).rejects.toMatchObject({ reason: 'INTERNAL' });
    expect(under.attempts).toEqual(['a/m#1']);
  });

  it('rejects with NO_TARGET where there is no candidate', async () => {
    const none = new RingUnderTest().run([]);
    await expect(none).rejects.toMatchObject({ reason: 'NO_TARGET', retryAfterMs: undefined });
  });
});

describe('AttemptRing, tries on one target', () => {
  it('count for it when they succeed', async () => {
    const under = new RingUnderTest();
    for (let call = 0; call < 10; call += 1) await under.run([under.candidate('a/m', OVERLOADED, good())]);
    expect(under.attempts).toHaveLength(20);
  });

  it.each<[string, GatewayError, number[]]>([
    ['an overload', OVERLOADED, [100, 200]],
    ['a broken connection', error('UPSTREAM_UNAVAILABLE'), [100, 200]],
    ['an answer that is none', error('UPSTREAM_PROTOCOL'), [100, 200]],
    ['shared capacity', error('UPSTREAM_RATE_LIMITED', { metadata: { quotaKind: 'shared' } }), [100, 200]],
    ['a timeout', TIMEOUT, [100]],
    ['an empty answer', error('EMPTY_RESPONSE'), [100]],
    ['a quota per minute', quotaOfMinute(7_000), [7_000]],
    ['a quota per minute without a time', error('UPSTREAM_RATE_LIMITED'), [100]],
    ['an overload with a time', error('UPSTREAM_OVERLOADED', { retryAfterMs: 150 }), [150, 200]],
    ['a quota per day', quotaOfDay(10), []],
    ['refused credentials', error('UPSTREAM_AUTH'), []],
    ['what it cannot do', UNFIT, []],
    ['a bad request', error('INVALID_REQUEST'), []],
  ])('after %s', async (_, failure, pauses) => {
    const under = new RingUnderTest();
    await expect(under.run([under.candidate('a/m', failure)])).rejects.toBe(failure);
    expect(under.clock.pauses).toEqual(pauses);
    expect(under.attempts).toHaveLength(pauses.length + 1);
    expect(under.clock.armed).toBe(0);
  });

  it('come at once with other signatures, one of them, and on no other target', async () => {
    const foreign = error('INVALID_REQUEST', { metadata: { signatures: 'refused', otherSignatures: true } });
    const under = new RingUnderTest();
    await under.run([under.candidate('a/m', foreign, good()), under.candidate('b/m')]);
    expect(under.attempts).toEqual(['a/m#1', 'a/m#2']);
    const twice = new RingUnderTest();
    await expect(twice.run([twice.candidate('a/m', foreign), twice.candidate('b/m')])).rejects.toBe(foreign);
    expect(twice.attempts).toEqual(['a/m#1', 'a/m#2']);
  });

  it.each([
    ['other keys', { otherKeys: false, unusableAnswers: true }, OTHER_KEY, ['a/m#1', 'b/m#2']],
    [
      'further tries for unusable answers',
      { otherKeys: true, unusableAnswers: false },
      error('EMPTY_RESPONSE'),
      ['a/m#1'],
    ],
  ])('leave out %s where the task does not allow them', async (_, rules, failure, attempts) => {
    const under = new RingUnderTest();
    const candidates = [under.candidate('a/m', failure), under.candidate('b/m', failure)];
    const running = await under.begin(candidates, {}, rules);
    await expect(running.done).rejects.toBe(failure);
    expect(under.attempts).toEqual(attempts);
  });

  it('are at most four with other credentials', async () => {
    const under = new RingUnderTest();
    await expect(under.run([under.candidate('a/m', OTHER_KEY)])).rejects.toBe(OTHER_KEY);
    expect(under.attempts).toHaveLength(4);
  });

  it('pause at random below a bound that doubles, up to the longest', async () => {
    const half = new RingUnderTest({}, 0.5);
    await expect(half.run([half.candidate('a/m', OVERLOADED)])).rejects.toBe(OVERLOADED);
    expect(half.clock.pauses).toEqual([50, 100]);
    const bounded = new RingUnderTest({ backoffMs: 100, maxBackoffMs: 120 });
    await expect(bounded.run([bounded.candidate('a/m', OVERLOADED)])).rejects.toBe(OVERLOADED);
    expect(bounded.clock.pauses).toEqual([100, 120]);
  });
});

describe('AttemptRing, budget', () => {
  const NONE = { retryBudget: { share: 0, floor: 0 } };

  it('rejects with the last failure at once when no retry is left', async () => {
    const under = new RingUnderTest(NONE);
    const running = await under.begin([under.candidate('a/m', OVERLOADED), under.candidate('b/m')]);
    await expect(running.done).rejects.toBe(OVERLOADED);
    expect(under.attempts).toEqual(['a/m#1']);
    expect(under.clock.pauses).toEqual([]);
    const why = 'too many retries are under way';
    expect(running.call.record.skipped).toEqual([
      { target: 'b/m', why },
      { target: 'a/m', why },
    ]);
  });

  it('lets what is no upstream answer all the same', async () => {
    const under = new RingUnderTest(NONE);
    await under.run([under.candidate('a/m', OVERLOADED), under.candidate('canned/x')]);
    expect(under.attempts).toEqual(['a/m#1', 'canned/x#2']);
  });

  it('is each target’s own as well: another one may have some left', async () => {
    const under = new RingUnderTest({ retryBudget: { share: 0.5, floor: 1 } });
    for (let call = 0; call < 3; call += 1) await under.begin([under.candidate('busy/m', HANGING)]);
    const failing = (): ReturnType<RingUnderTest['candidate']> => under.candidate('a/m', OVERLOADED);
    await under.begin([failing(), under.candidate('b/m', HANGING)]);
    under.attempts.length = 0;
    await under.run([failing(), under.candidate('b/m'), under.candidate('c/m')]);
    expect(under.attempts).toEqual(['a/m#1', 'c/m#2']);
  });

  it('counts the calls and the attempts that are under way, not those that are over', async () => {
    const under = new RingUnderTest({ retryBudget: { share: 0.5, floor: 1 } });
    for (let call = 0; call < 10; call += 1) await under.run([under.candidate('c/m')]);
    await under.begin([under.candidate('a/m', OVERLOADED), under.candidate('b/m', HANGING)]);
    await expect(under.run([under.candidate('a/m', OVERLOADED), under.candidate('c/m')])).rejects.toBe(
      OVERLOADED,
    );
    for (let call = 0; call < 9; call += 1) await under.begin([under.candidate('busy/m', HANGING)]);
    const retried = under.candidate('a/m', OVERLOADED);
    await under.begin([retried, under.candidate('c/m', HANGING)]);
    await expect(under.run([retried, under.candidate('c/m')])).rejects.toBe(OVERLOADED);
  });

  it('is not asked for the first attempt of a call, after a pause neither', async () => {
    const under = new RingUnderTest(NONE);
    const rested = under.candidate('a/m', quotaOfDay(1_000), good());
    await expect(under.run([rested])).rejects.toBeDefined();
    await under.run([rested]);
    expect(under.attempts).toEqual(['a/m#1', 'a/m#1@1000']);
  });

  it('gets each retry back, whether it answers or fails', async () => {
    const under = new RingUnderTest({ retryBudget: { share: 0, floor: 1 } });
    for (const step of [OVERLOADED, good(), good()]) {
      const candidates = [under.candidate('a/m', quotaOfDay(1)), under.candidate('b/m', step, good())];
      await under.run(candidates);
      under.clock.advance(1);
    }
    expect(under.attempts.filter((attempt) => attempt.startsWith('b/m'))).toHaveLength(4);
  });

  it('takes no probe’s place when it is spent', async () => {
    const under = new RingUnderTest(NONE);
    const failing = under.candidate('b/m', OVERLOADED);
    for (let call = 0; call < 5; call += 1) await expect(under.run([failing])).rejects.toBe(OVERLOADED);
    under.clock.advance(5_000);
    const both = [under.candidate('a/m', OVERLOADED), under.candidate('b/m')];
    await expect(under.run(both)).rejects.toBe(OVERLOADED);
    under.attempts.length = 0;
    await under.run([under.candidate('b/m')]);
    expect(under.attempts).toEqual(['b/m#1@5000']);
  });
});
