import { describe, expect, it } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import { eventsOf } from '../../../src/core/events-of.js';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError, REASONS, type Reason } from '../../../src/core/gateway-error.js';
import type { Attempt, Provider } from '../../../src/core/provider.js';
import { Dispatcher } from '../../../src/routing/dispatcher.js';
import { Hedging } from '../../../src/routing/hedging.js';
import { LatencyBook } from '../../../src/routing/latency-book.js';
import type { Mirror } from '../../../src/routing/mirror.js';
import type { RoutePlanner } from '../../../src/routing/route-planner.js';
import { SignatureOrigins } from '../../../src/routing/signature-origins.js';
import { TargetAttempts } from '../../../src/routing/target-attempts.js';
import type { TargetQuota } from '../../../src/routing/target-quota.js';
import type { Ranked, RoutePlan, Target } from '../../../src/routing/target.js';
import { callFixture, chunkFixture, finishFixture, usageFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ringParts } from '../../helpers/ring-parts.js';

type Answer = (attempt: Attempt) => ReturnType<Provider['generate']>;

const good: Answer = () => Promise.resolve(eventsOf([chunkFixture('hello'), finishFixture()]));
const failing = (reason: Reason, usage = usageFixture(0, 0)): Answer => {
  return () => Promise.reject(new GatewayError(reason, `It is ${reason}.`).withUsage(usage));
};

/** Targets that answer so, one after another, and what they were asked. */
function plan(...answers: Answer[]): RoutePlan & { readonly attempts: Attempt[] } {
  const attempts: Attempt[] = [];
  const targets = answers.map((answer, index): Ranked => {
    const provider: Provider = {
      generate: (attempt) => {
        attempts.push(attempt);
        return answer(attempt);
      },
      probe: () => Promise.resolve({ ok: true }),
      close: () => Promise.resolve(),
    };
    const target: Target = {
      project: `p${index}`,
      model: 'm',
      upstreamModel: `upstream-${index}`,
      provider,
      kind: 'gemini',
      upstream: true,
      timeouts: { firstEventMs: 10, idleGapMs: 20, totalMs: 1_000 },
      quota: { project: `p${index}`, location: 'global', model: 'm' },
      limits: undefined,
      prepare: (request) => (index === 0 ? request : { ...request, prepared: index }),
    };
    return { target };
  });
  return { targets, skipped: [], attempts };
}

/** What the dispatcher told operators, by severity. */
const told: { severity: string; about: Record<string, unknown> }[] = [];
const tell = (severity: string) => (about: Record<string, unknown>) => told.push({ severity, about });
const logger = {
  setContext: () => undefined,
  error: tell('error'),
  warn: tell('warn'),
} as unknown as PinoLogger;

/** Nothing is limited. */
const NO_QUOTA = {
  of: () => undefined,
  learn: () => undefined,
} as unknown as TargetQuota;

function dispatcher(route: RoutePlan, clock = new ManualClock()): Dispatcher {
  const { ring } = ringParts(clock);
  const latencies = new LatencyBook();
  return new Dispatcher(
    { plan: () => route } as unknown as RoutePlanner,
    ring,
    new TargetAttempts(latencies, new SignatureOrigins(), NO_QUOTA, clock, logger),
    new Hedging(latencies),
    { reflect: () => undefined } as unknown as Mirror,
  );
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
    expect(call.record.attempts).toEqual([{ target: 'p0/m', afterMs: 0, tookMs: 0 }]);
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

  it.each((Object.keys(REASONS) as Reason[]).filter((reason) => reason !== 'DEADLINE_EXCEEDED'))(
    'goes on after %s only where another target may do better',
    async (reason) => {
      const route = plan(failing(reason), good);
      const answered = dispatcher(route).dispatch(callFixture());
      if (REASONS[reason].retryable) await answered;
      else await expect(answered).rejects.toMatchObject({ reason });
      expect(route.attempts).toHaveLength(REASONS[reason].retryable ? 2 : 1);
    },
  );

  it('goes on after a target used up its own time, not after the call used up its', async () => {
    const clock = new ManualClock();
    const slow: Answer = (attempt) => {
      clock.advance(60);
      return failing('DEADLINE_EXCEEDED')(attempt);
    };
    const call = callFixture({ deadlineMs: 100 });
    expect((await dispatcher(plan(slow, good), clock).dispatch(call)).head.project).toBe('p1');
    expect(call.record.attempts[0]).toMatchObject({ error: 'UPSTREAM_UNAVAILABLE' });
    await expect(dispatcher(plan(slow, good), clock).dispatch(call)).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
  });

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
    const call = callFixture({ deadlineMs: 50 });
    const route = plan(
      failing('UPSTREAM_OVERLOADED', usageFixture(3, 1)),
      failing('EMPTY_RESPONSE', usageFixture(3, 0)),
    );
    await expect(dispatcher(route).dispatch(call)).rejects.toMatchObject({ reason: 'EMPTY_RESPONSE' });
    expect(call.record.attempts).toEqual([
      {
        target: 'p0/m',
        error: 'UPSTREAM_OVERLOADED',
        trouble: 'overloaded',
        usage: usageFixture(3, 1),
        afterMs: 0,
        tookMs: 0,
      },
      {
        target: 'p1/m',
        error: 'EMPTY_RESPONSE',
        trouble: 'empty',
        usage: usageFixture(3, 0),
        afterMs: 0,
        tookMs: 0,
      },
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

  it.each([
    ['error', new GatewayError('UPSTREAM_AUTH', 'No.'), 'credentials'],
    [
      'error',
      new GatewayError('UPSTREAM_QUOTA_EXHAUSTED', 'No.', { metadata: { quotaKind: 'gate' } }),
      'quota_gate',
    ],
    [
      'warn',
      new GatewayError('UPSTREAM_UNAVAILABLE', 'No.', { metadata: { timeout: 'first_event' } }),
      'timeout',
    ],
  ])(
    'tells operators, as %s, of what does not pass by itself or was too slow, without content',
    async (severity, error, trouble) => {
      told.length = 0;
      await dispatcher(plan(() => Promise.reject(error), good)).dispatch(callFixture());
      expect(told).toEqual([
        { severity, about: expect.objectContaining({ request_id: 'call-1', target: 'p0/m', trouble }) },
      ]);
      expect(JSON.stringify(told)).not.toContain('Hello');
    },
  );

  it('keeps an answer made beforehand behind the retries of a model of the same name', async () => {
    const clock = new ManualClock();
    const route = plan(failing('UPSTREAM_OVERLOADED'), good);
    const [model, canned] = route.targets;
    if (model === undefined || canned === undefined) throw new Error('no plan');
    const targets = [model, { target: { ...canned.target, project: 'canned', upstream: false } }];
    const answered = dispatcher({ ...route, targets }, clock).dispatch(callFixture());
    for (let pauses = 0; pauses < 50; pauses += 1) {
      await Promise.resolve();
      clock.advance(10);
    }
    expect((await answered).head).toMatchObject({ project: 'canned', attempts: 4 });
  });

  it('tells operators of nothing else', async () => {
    told.length = 0;
    await dispatcher(plan(failing('UPSTREAM_OVERLOADED'), good)).dispatch(callFixture());
    expect(told).toEqual([]);
  });
});
