import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Coalescer } from '../../../src/cache/coalescer.js';
import { CoalescingConfig } from '../../../src/cache/coalescing.config.js';
import type { Seat } from '../../../src/cache/flight.js';
import { CallRecord } from '../../../src/core/call-record.js';
import type { Call } from '../../../src/core/call.js';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../src/core/generation.js';
import type { Next } from '../../../src/core/policy.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import {
  callFixture,
  chunkFixture,
  finishFixture,
  generationOf,
  HANG,
  type ScriptedGeneration,
  type ScriptStep,
  usageFixture,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const first = chunkFixture('a', usageFixture(3, 1));
const second = chunkFixture('b', usageFixture(3, 2));
const finish = finishFixture({ usage: usageFixture(3, 5) });
const broken = new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.');
const CANCELLED = expect.objectContaining({ reason: 'CANCELLED' });

let clock: ManualClock;
let coalescer: Coalescer;
/** What went upstream, in order: to be answered by the test. */
let upstream: {
  readonly call: Call;
  answer(script: readonly ScriptStep[]): ScriptedGeneration;
  fail(error: unknown): void;
}[];

const start: Next = (call) => {
  const { promise, resolve, reject } = Promise.withResolvers<Generation>();
  const answer = (script: readonly ScriptStep[]): ScriptedGeneration => {
    const generation = generationOf(script, { signal: call.signal });
    resolve(generation);
    return generation;
  };
  upstream.push({ call, answer, fail: reject });
  return promise;
};

interface Caller {
  readonly call: Call;
  readonly seat: Promise<Seat>;
  leave(reason?: unknown): void;
}

function ask(key = 'key', overrides: Partial<Call> = {}, by = start): Caller {
  const abort = new AbortController();
  const call = callFixture({ record: new CallRecord(0), ...overrides, signal: abort.signal });
  const seat = coalescer.join(key, call, by);
  seat.catch(() => undefined);
  return { call, seat, leave: (reason) => abort.abort(reason) };
}

const many = (count: number, overrides: Partial<Call> = {}): Caller[] =>
  Array.from({ length: count }, () => ask('key', overrides));
const read = async ({ seat }: Caller): Promise<AsyncIterator<GenerationEvent, void>> =>
  (await seat).generation.events[Symbol.asyncIterator]();
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function make(settings: Partial<CoalescingConfig> = {}): void {
  clock = new ManualClock();
  coalescer = new Coalescer(clock, Object.assign(new CoalescingConfig(), settings));
  upstream = [];
}

beforeEach(() => make());

describe('identical calls in flight', () => {
  it('go upstream once, and all get the whole answer', async () => {
    const callers = many(1_000);
    upstream[0]?.answer([first, second, finish]);
    const answers = await Promise.all(callers.map(async ({ seat }) => collect((await seat).generation)));
    expect(upstream).toHaveLength(1);
    expect(answers).toEqual(callers.map(() => ({ chunks: [first, second], finish })));
    expect(coalescer.counts()).toEqual({ flights: 0, joined: 999, crowded: 0 });
    expect(clock.armed).toBe(0);
  });

  it('say in their heads who went upstream', async () => {
    const [leader, joiner] = many(2);
    upstream[0]?.answer([first, finish]);
    expect(await leader?.seat).toMatchObject({
      joined: false,
      generation: { head: { cache: 'bypass', attempts: 1 } },
    });
    expect(await joiner?.seat).toMatchObject({
      joined: true,
      generation: { head: { cache: 'coalesced', attempts: 0, project: 'project-1' } },
    });
  });

  it('may come while the answer is under way, and get it from its beginning', async () => {
    const leader = ask();
    const source = upstream[0]?.answer([first, second, finish]);
    const events = await read(leader);
    await events.next();
    const late = ask();
    const lateEvents = await read(late);
    expect(await lateEvents.next()).toEqual({ done: false, value: first });
    expect(source?.source.nexts).toBe(1);
    expect(await lateEvents.next()).toEqual({ done: false, value: second });
    expect(upstream).toHaveLength(1);
  });

  it('start anew once the answer is over', async () => {
    const leader = ask();
    upstream[0]?.answer([first, finish]);
    await collect((await leader.seat).generation);
    ask();
    expect(upstream).toHaveLength(2);
  });

  it.each([
    ['another key', 'other', {}],
    ['a streamed answer where the other is whole', 'key', { stream: true }],
    ['another priority', 'key', { priority: 'batch' }],
  ] as const)('are not identical with %s', (_, key, overrides) => {
    ask();
    ask(key, overrides);
    expect(upstream).toHaveLength(2);
  });

  it('are bounded: a full flight is followed by another, and beyond the flights each goes for itself', async () => {
    make({ maxFlights: 2, maxCallsPerFlight: 2 });
    many(3);
    expect(upstream).toHaveLength(2);
    ask('other');
    ask('third');
    const crowded = ask('third');
    expect(upstream).toHaveLength(5);
    upstream[4]?.answer([first, finish]);
    expect(await crowded.seat).toMatchObject({ joined: false, generation: { head: { cache: 'bypass' } } });
    expect(coalescer.counts()).toMatchObject({ flights: 2, crowded: 2 });
  });

  it('join the flight that followed a full one, also after that is over', async () => {
    make({ maxFlights: 1, maxCallsPerFlight: 2 });
    const [leader, joiner, next] = many(3);
    expect(coalescer.counts()).toEqual({ flights: 1, joined: 0, crowded: 0 });
    upstream[0]?.answer([first, finish]);
    for (const caller of [leader, joiner]) if (caller) await collect((await caller.seat).generation);
    const late = ask();
    expect(upstream).toHaveLength(2);
    upstream[1]?.answer([first, finish]);
    expect([(await next?.seat)?.joined, (await late.seat).joined]).toEqual([false, true]);
  });

  it('start anew where the beginning of the answer is no longer kept', async () => {
    make({ keptEvents: 1 });
    const leader = ask();
    upstream[0]?.answer([first, second, finish]);
    const events = await read(leader);
    await events.next();
    await events.next();
    ask();
    expect(upstream).toHaveLength(2);
  });
});

describe('a call that leaves a shared one', () => {
  it('leaves alone when it was the first, also before the answer began', async () => {
    const [leader, joiner] = many(2);
    leader?.leave();
    await expect(leader?.seat).rejects.toEqual(CANCELLED);
    expect(upstream[0]?.call.signal.aborted).toBe(false);
    upstream[0]?.answer([first, finish]);
    const { generation } = (await joiner?.seat) ?? { generation: generationOf([]) };
    expect(await collect(generation)).toEqual({ chunks: [first], finish });
    expect(upstream).toHaveLength(1);
  });

  it('aborts the upstream call at once when it is the last, before the answer began', async () => {
    const callers = many(3);
    for (const caller of callers) {
      expect(upstream[0]?.call.signal.aborted).toBe(false);
      caller.leave();
    }
    expect(upstream[0]?.call.signal.aborted).toBe(true);
    expect(coalescer.counts().flights).toBe(0);
    upstream[0]?.fail(new GatewayError('CANCELLED', 'The caller went away.'));
    for (const { seat } of callers) await expect(seat).rejects.toEqual(CANCELLED);
  });

  it('aborts the upstream call at once when it is the last, in mid-answer', async () => {
    const callers = many(2);
    const source = upstream[0]?.answer([first, HANG]);
    const [one, other] = await Promise.all(callers.map(read));
    await one?.next();
    await other?.next();
    const pending = one?.next();
    callers[0]?.leave();
    await expect(pending).rejects.toEqual(CANCELLED);
    expect(source?.source.returns).toBe(0);
    await other?.return?.();
    expect(source?.source.returns).toBe(1);
    expect(upstream[0]?.call.signal.aborted).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('frees an answer that begins after all have left', async () => {
    const leader = ask();
    leader.leave();
    const source = upstream[0]?.answer([first, finish]);
    await settle();
    expect(source?.source.returns).toBe(1);
  });

  it('asks for nothing when it had left before', async () => {
    const left = ask('key', {}, start);
    left.leave();
    const abort = new AbortController();
    abort.abort();
    const seat = coalescer.join('other', callFixture({ signal: abort.signal }), start);
    await expect(seat).rejects.toEqual(CANCELLED);
    expect(upstream).toHaveLength(1);
    expect(coalescer.counts().flights).toBe(0);
  });

  it('fails with the reason of its signal, where that is ours', async () => {
    const [leader] = many(2);
    leader?.leave(broken);
    await expect(leader?.seat).rejects.toBe(broken);
  });

  it('holds nothing of its signal afterwards', async () => {
    const [leader, joiner] = many(2);
    const remove = jest.spyOn(leader?.call.signal ?? new AbortController().signal, 'removeEventListener');
    upstream[0]?.answer([first, finish]);
    for (const caller of [leader, joiner]) if (caller) await collect((await caller.seat).generation);
    expect(remove).toHaveBeenCalledTimes(1);
  });
});

describe('the deadline of a shared call', () => {
  const EXCEEDED = expect.objectContaining({ reason: 'DEADLINE_EXCEEDED' });

  it('is the latest of those who wait, as far as it begins anything later', () => {
    ask('key', { deadlineMs: 1_000 });
    expect(upstream[0]?.call.deadlineMs).toBe(1_000);
    ask('key', { deadlineMs: 5_000 });
    ask('key', { deadlineMs: 500 });
    expect(upstream[0]?.call.deadlineMs).toBe(5_000);
  });

  it('is each call’s own matter where others wait longer', async () => {
    const leader = ask('key', { deadlineMs: 1_000 });
    const short = ask('key', { deadlineMs: 500 });
    const long = ask('key', { deadlineMs: 5_000 });
    clock.advance(500);
    await expect(short.seat).rejects.toEqual(EXCEEDED);
    upstream[0]?.answer([first, HANG]);
    const events = await read(leader);
    await events.next();
    const pending = events.next();
    clock.advance(500);
    await expect(pending).rejects.toEqual(EXCEEDED);
    expect(upstream[0]?.call.signal.aborted).toBe(false);
    expect(await (await read(long)).next()).toEqual({ done: false, value: first });
  });

  it('is left to what is called, for the calls that wait longest', () => {
    ask('key', { deadlineMs: 1_000 });
    ask('key', { deadlineMs: 1_000 });
    clock.advance(2_000);
    expect(upstream[0]?.call.signal.aborted).toBe(false);
  });

  it('ends the call that is left when those who waited longer went', async () => {
    const leader = ask('key', { deadlineMs: 1_000 });
    ask('key', { deadlineMs: 5_000 }).leave();
    clock.advance(1_000);
    await expect(leader.seat).rejects.toEqual(EXCEEDED);
    expect(upstream[0]?.call.signal.reason).toEqual(EXCEEDED);
  });
});

describe('a shared call that fails', () => {
  it('fails for all with the same error when it fails to begin', async () => {
    const callers = many(3);
    upstream[0]?.fail(broken);
    for (const { seat } of callers) await expect(seat).rejects.toBe(broken);
    expect(coalescer.counts().flights).toBe(0);
    expect(upstream).toHaveLength(1);
  });

  it('fails for all with the same error in mid-answer', async () => {
    const callers = many(10);
    upstream[0]?.answer([first, broken]);
    for (const { seat } of callers) await expect(collect((await seat).generation)).rejects.toBe(broken);
  });

  it.each([
    'BUDGET_EXHAUSTED',
    'PERMISSION_DENIED',
    'RATE_LIMITED',
    'DEADLINE_EXCEEDED',
    'CANCELLED',
  ] as const)('goes on for the others where %s is the matter of the first alone', async (reason) => {
    const own = new GatewayError(reason, 'Not you.');
    const [leader, ...others] = many(3);
    upstream[0]?.fail(own);
    await expect(leader?.seat).rejects.toBe(own);
    await settle();
    expect(upstream).toHaveLength(2);
    expect(upstream[1]?.call.record).toBe(others[0]?.call.record);
    upstream[1]?.answer([first, finish]);
    for (const { seat } of others) expect((await seat).generation.head.project).toBe('project-1');
  });

  it('does not go on like that for ever', async () => {
    const refuse: Next = () => Promise.reject(new GatewayError('BUDGET_EXHAUSTED', 'Nothing left.'));
    const starts = jest.fn(refuse);
    const callers = Array.from({ length: 50 }, () => ask('key', {}, starts));
    for (const { seat } of callers) await expect(seat).rejects.toMatchObject({ reason: 'BUDGET_EXHAUSTED' });
    expect(starts).toHaveBeenCalledTimes(50);
  });
});

describe('the cost of a shared call', () => {
  /** What a call pays, as telemetry would book it. */
  const booked = async ({ call, seat }: Caller, events: number): Promise<void> => {
    const { generation } = await seat;
    const iterator = generation.events[Symbol.asyncIterator]();
    let usage = NO_USAGE;
    for (let count = 0; count < events; count += 1) {
      const step = await iterator.next();
      if (step.done !== true) usage = step.value.usage ?? usage;
    }
    call.record.target = 'project-1/gemini-3.8-flash';
    call.record.settle({ kind: 'abandoned', usage });
    await iterator.return?.();
  };

  it('is the first call’s', async () => {
    const callers = many(3);
    upstream[0]?.answer([first, second, finish]);
    await Promise.all(callers.map((caller) => booked(caller, 3)));
    expect(callers.map(({ call }) => call.record.usage())).toEqual([finish.usage, NO_USAGE, NO_USAGE]);
  });

  it('is the next one’s from where the first left', async () => {
    const [leader, heir, other] = many(3) as [Caller, Caller, Caller];
    upstream[0]?.answer([first, second, finish]);
    await booked(leader, 1);
    await Promise.all([booked(heir, 3), booked(other, 3)]);
    expect(leader.call.record.usage()).toEqual(first.usage);
    expect(heir.call.record.usage()).toEqual(usageFixture(0, 4));
    expect(other.call.record.usage()).toEqual(NO_USAGE);
  });

  it('is the next one’s from where the signal of the first took that away', async () => {
    const [leader, heir] = many(2) as [Caller, Caller];
    upstream[0]?.answer([first, second, finish]);
    await (await read(leader)).next();
    leader.leave();
    await booked(heir, 3);
    expect(heir.call.record.usage()).toEqual(usageFixture(0, 4));
  });

  it('stays the first one’s when another leaves', async () => {
    const [leader, other] = many(2) as [Caller, Caller];
    upstream[0]?.answer([first, second, finish]);
    await booked(other, 1);
    await booked(leader, 3);
    expect(leader.call.record.usage()).toEqual(finish.usage);
  });

  it('is the next one’s as a whole where the first left before the answer began', async () => {
    const [leader, heir] = many(2) as [Caller, Caller];
    leader.leave();
    upstream[0]?.answer([first, finish]);
    await booked(heir, 2);
    expect(heir.call.record.usage()).toEqual(finish.usage);
  });

  it('is nobody’s again once it is paid', async () => {
    const [leader, slow, other] = many(3) as [Caller, Caller, Caller];
    upstream[0]?.answer([first, second, finish]);
    await booked(leader, 3);
    await booked(slow, 1);
    await booked(other, 3);
    expect([slow, other].map(({ call }) => call.record.usage())).toEqual([NO_USAGE, NO_USAGE]);
  });
});
