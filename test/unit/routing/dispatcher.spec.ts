import { describe, expect, it } from '@jest/globals';
import { eventsOf } from '../../../src/core/events-of.js';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError, REASONS, type Reason } from '../../../src/core/gateway-error.js';
import type { Attempt, Provider } from '../../../src/core/provider.js';
import { Dispatcher } from '../../../src/routing/dispatcher.js';
import type { RoutePlanner } from '../../../src/routing/route-planner.js';
import type { RoutePlan, Target } from '../../../src/routing/target.js';
import { callFixture, chunkFixture, finishFixture, usageFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

type Answer = (attempt: Attempt) => ReturnType<Provider['generate']>;

const good: Answer = () => Promise.resolve(eventsOf([chunkFixture('hello'), finishFixture()]));
const failing = (reason: Reason, usage = usageFixture(0, 0)): Answer => {
  return () => Promise.reject(new GatewayError(reason, `It is ${reason}.`).withUsage(usage));
};

/** Targets that answer so, one after another, and what they were asked. */
function plan(...answers: Answer[]): RoutePlan & { readonly attempts: Attempt[] } {
  const attempts: Attempt[] = [];
  const targets = answers.map((answer, index): Target => {
    const provider: Provider = {
      generate: (attempt) => {
        attempts.push(attempt);
        return answer(attempt);
      },
      probe: () => Promise.resolve({ ok: true }),
      close: () => Promise.resolve(),
    };
    return {
      project: `p${index}`,
      model: 'm',
      upstreamModel: `upstream-${index}`,
      provider,
      timeouts: { firstEventMs: 10, idleGapMs: 20, totalMs: 1_000 },
      prepare: (request) => (index === 0 ? request : { ...request, prepared: index }),
    };
  });
  return { targets, skipped: [], attempts };
}

function dispatcher(route: RoutePlan, clock = new ManualClock()): Dispatcher {
  return new Dispatcher({ plan: () => route } as unknown as RoutePlanner, clock);
}

describe('Dispatcher', () => {
  it('answers from the first target', async () => {
    const route = plan(good, good);
    const call = callFixture({ requestText: '{ }', stream: true });
    const generation = await dispatcher(route).dispatch(call);
    expect(generation.head).toEqual({
      project: 'p0',
      model: 'm',
      attempts: 1,
      fallback: false,
      cache: 'bypass',
    });
    expect((await collect(generation)).chunks).toEqual([chunkFixture('hello')]);
    expect(route.attempts).toEqual([
      {
        operation: 'generate',
        stream: true,
        model: 'upstream-0',
        request: call.request,
        requestText: '{ }',
        timeouts: { firstEventMs: 10, idleGapMs: 20, totalMs: 1_000 },
        signal: call.signal,
      },
    ]);
    expect(call.record.attempts).toEqual([{ target: 'p0/m' }]);
  });

  it('starts every attempt from the original request, with its text only while nothing changed', async () => {
    const route = plan(failing('UPSTREAM_OVERLOADED'), failing('UPSTREAM_OVERLOADED'), good);
    const call = callFixture({ requestText: '{ }' });
    const { head } = await dispatcher(route).dispatch(call);
    expect(head).toMatchObject({ project: 'p2', attempts: 3, fallback: true });
    expect(route.attempts.map(({ request }) => request)).toEqual([
      call.request,
      { ...call.request, prepared: 1 },
      { ...call.request, prepared: 2 },
    ]);
    expect(route.attempts.map(({ requestText }) => requestText)).toEqual(['{ }', undefined, undefined]);
    expect(route.attempts[1]).not.toHaveProperty('requestText');
  });

  it.each(Object.keys(REASONS) as Reason[])(
    'goes on after %s only where another target may do better',
    async (reason) => {
      const route = plan(failing(reason), good);
      const answered = dispatcher(route).dispatch(callFixture());
      if (REASONS[reason].retryable) await answered;
      else await expect(answered).rejects.toMatchObject({ reason });
      expect(route.attempts).toHaveLength(REASONS[reason].retryable ? 2 : 1);
    },
  );

  it('goes on after a stream that broke or ended before its first event', async () => {
    const breaks: Answer = async () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new GatewayError('UPSTREAM_UNAVAILABLE', 'Broken.')),
      }),
    });
    const ends: Answer = () => Promise.resolve(eventsOf([]));
    const call = callFixture();
    const { head } = await dispatcher(plan(breaks, ends, good)).dispatch(call);
    expect(head.project).toBe('p2');
    expect(call.record.attempts.map(({ error }) => error)).toEqual([
      'UPSTREAM_UNAVAILABLE',
      'UPSTREAM_PROTOCOL',
      undefined,
    ]);
  });

  it('tries nothing again once a first event was delivered', async () => {
    const breaks: Answer = async () => {
      let turn = 0;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            turn++ === 0
              ? Promise.resolve({ done: false, value: chunkFixture('a') })
              : Promise.reject(new GatewayError('UPSTREAM_UNAVAILABLE', 'Broken.')),
        }),
      };
    };
    const route = plan(breaks, good);
    const generation = await dispatcher(route).dispatch(callFixture());
    await expect(collect(generation)).rejects.toMatchObject({ reason: 'UPSTREAM_UNAVAILABLE' });
    expect(route.attempts).toHaveLength(1);
  });

  it('fails as the last attempt failed, and records what each one used', async () => {
    const call = callFixture();
    const route = plan(
      failing('UPSTREAM_OVERLOADED', usageFixture(3, 1)),
      failing('EMPTY_RESPONSE', usageFixture(3, 0)),
    );
    await expect(dispatcher(route).dispatch(call)).rejects.toMatchObject({ reason: 'EMPTY_RESPONSE' });
    expect(call.record.attempts).toEqual([
      { target: 'p0/m', error: 'UPSTREAM_OVERLOADED', usage: usageFixture(3, 1) },
      { target: 'p1/m', error: 'EMPTY_RESPONSE', usage: usageFixture(3, 0) },
    ]);
    expect(call.record.usage()).toMatchObject({ inputTokens: 6, outputTokens: 1 });
  });

  it('tries nothing more once the caller left', async () => {
    const caller = new AbortController();
    const leaving: Answer = (attempt) => {
      caller.abort();
      return failing('UPSTREAM_OVERLOADED')(attempt);
    };
    const route = plan(leaving, good);
    const call = callFixture({ signal: caller.signal });
    await expect(dispatcher(route).dispatch(call)).rejects.toThrow(GatewayError);
    expect(route.attempts).toHaveLength(1);
  });

  it('calls nobody for a caller who left before', async () => {
    const route = plan(good);
    const reason = new GatewayError('CANCELLED', 'Shutting down.');
    await expect(dispatcher(route).dispatch(callFixture({ signal: AbortSignal.abort(reason) }))).rejects.toBe(
      reason,
    );
    await expect(
      dispatcher(route).dispatch(callFixture({ signal: AbortSignal.abort() })),
    ).rejects.toMatchObject({
      reason: 'CANCELLED',
    });
    expect(route.attempts).toEqual([]);
  });

  it('bounds every attempt by the deadline of the call, and calls nobody after it', async () => {
    const clock = new ManualClock();
    const slow: Answer = (attempt) => {
      clock.advance(60);
      return failing('UPSTREAM_OVERLOADED')(attempt);
    };
    const route = plan(slow, slow, good);
    const call = callFixture({ deadlineMs: 100 });
    await expect(dispatcher(route, clock).dispatch(call)).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
    expect(route.attempts.map(({ timeouts }) => timeouts.totalMs)).toEqual([100, 40]);
    expect(call.record.attempts).toHaveLength(2);
  });

  it('takes a bug for INTERNAL, and does not try again', async () => {
    const route = plan(() => Promise.reject(new TypeError('a bug')), good);
    await expect(dispatcher(route).dispatch(callFixture())).rejects.toMatchObject({ reason: 'INTERNAL' });
    expect(route.attempts).toHaveLength(1);
  });

  it('says that there is no target where the plan has none', async () => {
    await expect(dispatcher(plan()).dispatch(callFixture())).rejects.toMatchObject({ reason: 'NO_TARGET' });
  });
});
