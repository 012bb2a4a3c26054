import { describe, expect, it } from '@jest/globals';
import type { GatewayError } from '../../../src/core/gateway-error.js';
import { collect } from '../../../src/core/combinators.js';
import type { Generation } from '../../../src/core/generation.js';
import type { Candidate } from '../../../src/resilience/candidate.js';
import type { Hedge } from '../../../src/resilience/race.js';
import { chunkFixture, finishFixture, generationOf } from '../../helpers/calls.js';
import { allPromises, error, good, OVERLOADED, RingUnderTest } from './ring-fixture.js';

/** An attempt that the test ends. */
interface Slow {
  readonly candidate: Candidate;
  readonly attempts: { readonly number: number; readonly signal: AbortSignal }[];
  answer(generation?: Generation): Promise<void>;
  fail(failure: GatewayError): Promise<void>;
}

function slow(name: string): Slow {
  const attempts: { number: number; signal: AbortSignal }[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Generation>();
  promise.catch(() => undefined);
  return {
    attempts,
    candidate: {
      name,
      group: name.slice(name.indexOf('/') + 1),
      upstream: true,
      attempt: (number, signal) => {
        attempts.push({ number, signal });
        const cut = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => cut.reject(signal.reason as Error));
        return Promise.race([promise, cut.promise]);
      },
    },
    answer: (generation = good()) => {
      resolve(generation);
      return allPromises();
    },
    fail: (failure) => {
      reject(failure);
      return allPromises();
    },
  };
}

/** A hedge that counts how often it was taken. */
function hedge({ allowed = true, known = true } = {}): Hedge & { taken: number } {
  return {
    taken: 0,
    afterMs: () => (known ? 50 : undefined),
    take() {
      this.taken += 1;
      return allowed;
    },
  };
}
const rules = (one: Hedge = hedge()) => ({ otherKeys: true, unusableAnswers: true, hedge: one });

describe('AttemptRing, hedges', () => {
  it('makes a second attempt elsewhere when the first is slow, and gives the slower one up', async () => {
    const under = new RingUnderTest();
    const [first, second] = [slow('a/m'), slow('b/m')];
    const running = await under.begin([first.candidate, second.candidate], {}, rules());
    under.clock.advance(49);
    await allPromises();
    expect(second.attempts).toHaveLength(0);
    under.clock.advance(1);
    await allPromises();
    expect(second.attempts).toHaveLength(1);
    await second.answer(good());
    const generation = await running.done;
    expect((await collect(generation)).chunks).toEqual([chunkFixture('Hello')]);
    expect(generation.head.attempts).toBe(2);
    expect(first.attempts[0]?.signal.reason).toMatchObject({
      reason: 'CANCELLED',
      metadata: { outrun: true },
    });
    expect(second.attempts[0]?.signal.aborted).toBe(false);
  });

  it('keeps the first attempt’s answer where that comes first', async () => {
    const under = new RingUnderTest();
    const [first, second] = [slow('a/m'), slow('b/m')];
    const running = await under.begin([first.candidate, second.candidate], {}, rules());
    under.clock.advance(50);
    await allPromises();
    await first.answer();
    await running.done;
    expect([first, second].map(({ attempts }) => attempts[0]?.signal.aborted)).toEqual([false, true]);
  });

  it.each([
    ['it answers in time', {}, true, 0],
    ['there is none left', { allowed: false }, false, 1],
    ['nobody knows what is slow', { known: false }, false, 0],
  ])('makes no second attempt where %s', async (_, options, quick, taken) => {
    const under = new RingUnderTest();
    const one = hedge(options);
    const [first, second] = [slow('a/m'), slow('b/m')];
    const running = await under.begin([first.candidate, second.candidate], {}, rules(one));
    if (quick) await first.answer();
    under.clock.advance(1_000);
    await allPromises();
    if (!quick) await first.answer();
    expect((await running.done).head.attempts).toBe(1);
    expect(second.attempts).toHaveLength(0);
    expect([under.clock.armed, one.taken]).toEqual([0, taken]);
  });

  it('asks the same target again where it is the only one', async () => {
    const under = new RingUnderTest();
    const numbers: number[] = [];
    const only: Candidate = {
      name: 'a/m',
      group: 'm',
      upstream: true,
      attempt: (number) => {
        numbers.push(number);
        return number === 1 ? new Promise(() => undefined) : Promise.resolve(good());
      },
    };
    const running = await under.begin([only], {}, rules());
    under.clock.advance(50);
    await allPromises();
    await running.done;
    expect(numbers).toEqual([1, 2]);
  });

  it('waits for the other attempt where one fails, and goes on as ever where both do', async () => {
    const under = new RingUnderTest();
    const [first, second] = [slow('a/m'), slow('b/m')];
    const candidates = [first.candidate, second.candidate, under.candidate('c/m', good())];
    const running = await under.begin(candidates, {}, rules());
    under.clock.advance(50);
    await allPromises();
    await first.fail(OVERLOADED);
    expect(running.over).toBe(false);
    await second.fail(OVERLOADED);
    await running.done;
    expect(under.attempts).toEqual(['c/m#3@50']);
  });

  it('fails at once with what nobody else can mend, and gives the other attempt up', async () => {
    const under = new RingUnderTest();
    const [first, second] = [slow('a/m'), slow('b/m')];
    const running = await under.begin([first.candidate, second.candidate], {}, rules());
    under.clock.advance(50);
    await allPromises();
    await second.fail(error('INVALID_REQUEST'));
    await expect(running.done).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
    expect(first.attempts[0]?.signal.aborted).toBe(true);
  });

  it('cuts both when the caller leaves', async () => {
    const under = new RingUnderTest();
    const caller = new AbortController();
    const [first, second] = [slow('a/m'), slow('b/m')];
    const call = { signal: caller.signal };
    const running = await under.begin([first.candidate, second.candidate], call, rules());
    under.clock.advance(50);
    await allPromises();
    caller.abort(error('CANCELLED'));
    await expect(running.done).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect([first, second].map(({ attempts }) => attempts[0]?.signal.aborted)).toEqual([true, true]);
  });

  it('does not hold being slower against a target', async () => {
    const under = new RingUnderTest();
    under.config.breaker.consecutiveFailures = 1;
    const [first, second] = [slow('a/m'), slow('b/m')];
    const running = await under.begin([first.candidate, second.candidate], {}, rules());
    under.clock.advance(50);
    await allPromises();
    await second.answer();
    await running.done;
    await allPromises();
    expect(under.health.admit('a/m')).toHaveProperty('ticket');
  });

  it('leaves a second stream that began in the same moment', async () => {
    const under = new RingUnderTest();
    const [first, second] = [slow('a/m'), slow('b/m')];
    let left = 0;
    const late = generationOf([chunkFixture('late'), finishFixture()]);
    const stream: Generation = {
      head: late.head,
      events: {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: true, value: undefined }),
          return: () => {
            left += 1;
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      },
    };
    const running = await under.begin([first.candidate, second.candidate], { stream: true }, rules());
    under.clock.advance(50);
    await allPromises();
    void first.answer();
    await second.answer(stream);
    await running.done;
    await allPromises();
    expect(left).toBe(1);
  });
});
