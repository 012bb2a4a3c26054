import { describe, expect, it } from '@jest/globals';
import { CallRecord } from '../../../src/core/call-record.js';
import type { Call } from '../../../src/core/call.js';
import { collect, settled } from '../../../src/core/combinators.js';
import { GatewayError, type Reason } from '../../../src/core/gateway-error.js';
import type { Generation, Head } from '../../../src/core/generation.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import { cachedTask, cacheUnderTest, type CacheOptions } from '../../helpers/cache.js';
import {
  callFixture,
  chunkFixture,
  configFixture,
  finishFixture,
  generationOf,
  HANG,
  type ScriptStep,
  usageFixture,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { policyProperties } from '../../helpers/policy-properties.js';

policyProperties(
  'CachePolicy, as it meets a question,',
  (clock) => {
    const { policy } = cacheUnderTest(clock);
    return { name: policy.name, apply: (call, next) => policy.apply({ ...call, task: 'cached' }, next) };
  },
  { sections: cachedTask({ anyTemperature: true }) },
);
policyProperties(
  'CachePolicy, for calls that it has nothing to do with,',
  (clock) => cacheUnderTest(clock).policy,
  { sections: cachedTask() },
);

type TaskSettings = Parameters<typeof cachedTask>;

/** A policy over a scripted upstream. */
function setUp([cache, task, defaults]: TaskSettings | [] = [], options: CacheOptions = {}) {
  const clock = new ManualClock();
  const parts = cacheUnderTest(clock, options);
  const config = configFixture(...cachedTask(cache, task, defaults));
  const upstream: Call[] = [];
  let script: () => readonly ScriptStep[] | Error = () => [
    chunkFixture(`answer ${upstream.length}`),
    finishFixture(),
  ];
  let head: Partial<Head> = {};
  const next = (call: Call): Promise<Generation> => {
    upstream.push(call);
    const made = script();
    return made instanceof Error
      ? Promise.reject(made)
      : Promise.resolve(generationOf(made, { head, signal: call.signal }));
  };
  const { model: _model, ...anyCall } = callFixture({ config, task: 'cached' });
  const callOf = (overrides: Partial<Call> = {}): Call => ({
    ...anyCall,
    record: new CallRecord(0),
    ...overrides,
  });
  const ask = async (overrides: Partial<Call> = {}) => {
    const call = callOf(overrides);
    const generation = settled(await parts.policy.apply(call, next), (outcome) =>
      call.record.settle(outcome),
    );
    call.record.target = 'project-1/m';
    const { chunks, finish } = await collect(generation);
    // What is stored is stored behind the call.
    await new Promise((resolve) => setImmediate(resolve));
    return {
      call,
      head: generation.head,
      chunks,
      finish,
      state: generation.head.cache,
      record: call.record.cache,
    };
  };
  return {
    ...parts,
    clock,
    upstream,
    ask,
    next,
    callOf,
    answers: (made: () => readonly ScriptStep[] | Error, as: Partial<Head> = {}) => {
      script = made;
      head = as;
    },
  };
}

const twice = async (set: ReturnType<typeof setUp>, overrides: Partial<Call> = {}) => [
  (await set.ask(overrides)).state,
  (await set.ask(overrides)).state,
];

const REPORT = { valid: true, repaired: false, reasked: false, relaxed: [] };

describe('CachePolicy', () => {
  it('answers an equal question with the stored answer, which costs nothing', async () => {
    const set = setUp();
    const first = await set.ask();
    const again = await set.ask({ id: 'other' });
    expect(set.upstream).toHaveLength(1);
    expect(again.chunks).toEqual(first.chunks);
    expect(again.finish).toEqual(first.finish);
    expect(again.head).toMatchObject({ project: 'project-1', attempts: 0, cache: 'hit' });
    expect([first.record, again.record]).toEqual([
      { state: 'miss', stored: true },
      { state: 'hit', tier: 'memory' },
    ]);
    expect([first.call.record.usage(), again.call.record.usage()]).toEqual([usageFixture(3, 5), NO_USAGE]);
  });

  it('counts the age of an answer, and gives it no longer than its time', async () => {
    const set = setUp([{ ttlMs: 10_000 }]);
    const { head } = await set.ask();
    expect(head.cached).toMatchObject({ freshMs: 10_000 });
    set.clock.advance(9_999);
    expect((await set.ask()).head.cached).toEqual({ ...head.cached, ageMs: 9_999, freshMs: 1 });
    set.clock.advance(1);
    expect((await set.ask()).state).toBe('miss');
  });

  it('takes up to a tenth off the time, so that answers of one moment do not all end at once', async () => {
    const set = setUp([{ ttlMs: 10_000 }], { random: 1 });
    await set.ask();
    set.clock.advance(8_999);
    expect((await set.ask()).state).toBe('hit');
    set.clock.advance(1);
    expect((await set.ask()).state).toBe('miss');
  });

  it('is off for tasks and models that say nothing of it: no key, no record', async () => {
    const set = setUp([{}, { cache: undefined as never }]);
    expect(await twice(set)).toEqual(['bypass', 'bypass']);
    expect(await twice(set, { model: 'other', task: undefined as never })).toEqual(['bypass', 'bypass']);
    expect((await set.ask()).record).toBeUndefined();
  });

  it('has answers of a model kept where the call says so, for as long as callers may', async () => {
    const set = setUp([], { config: { longestCallerTtlMs: 5_000 } });
    const asked = {
      model: 'other',
      task: undefined as never,
      request: { contents: [], generationConfig: { temperature: 0 } },
      cache: { ttlMs: 60_000 },
    };
    set.answers(() => [chunkFixture('x'), finishFixture()], { model: 'other' });
    expect(await twice(set, asked)).toEqual(['miss', 'hit']);
    set.clock.advance(5_000);
    expect((await set.ask(asked)).state).toBe('miss');
  });

  it.each<[string, number | undefined, number | undefined, Partial<Call>['operation'], string]>([
    ['0 by the task', 0, undefined, 'generate', 'hit'],
    ['0 by the call', 0.5, 0, 'generate', 'hit'],
    ['above 0 by the call', 0, 0.1, 'generate', 'bypass'],
    ['unset', undefined, undefined, 'generate', 'bypass'],
    ['unset, which embeddings do not mind', undefined, undefined, 'embed', 'hit'],
  ])('minds a temperature of %s', async (_title, byTask, byCall, operation = 'generate', state) => {
    const generation = byTask === undefined ? {} : { temperature: byTask };
    const set = setUp([{}, { generation }]);
    const generationConfig = byCall === undefined ? {} : { temperature: byCall };
    const [, again] = await twice(set, { operation, request: { contents: [], generationConfig } });
    expect(again).toBe(state);
    const any = setUp([{ anyTemperature: true }, { generation }]);
    expect((await twice(any, { operation, request: { contents: [], generationConfig } }))[1]).toBe('hit');
  });

  it.each<[string, readonly ScriptStep[], Partial<Head>]>([
    ['blocked', [chunkFixture('x'), finishFixture({ verdict: 'blocked' })], {}],
    ['truncated', [chunkFixture('x'), finishFixture({ verdict: 'truncated' })], {}],
    ['empty', [chunkFixture(''), finishFixture({ verdict: 'empty' })], {}],
    ['malformed', [chunkFixture('x'), finishFixture({ verdict: 'malformed' })], {}],
    ['made beforehand', [chunkFixture('x'), finishFixture()], { project: 'canned' }],
    ['of a stand-in’s model', [chunkFixture('x'), finishFixture()], { model: 'stand-in' }],
    ['without any chunk', [finishFixture()], {}],
    [
      'not true to its schema',
      [chunkFixture('{}'), finishFixture({ structured: { ...REPORT, valid: false } })],
      {},
    ],
    [
      'the default of its task',
      [chunkFixture('{}'), finishFixture({ structured: { ...REPORT, instead: 'default' } })],
      {},
    ],
    [
      'blocked in one of its candidates',
      [
        {
          type: 'chunk',
          value: { candidates: [{ finishReason: 'STOP' }, { index: 1, finishReason: 'SAFETY' }] },
        },
        finishFixture(),
      ],
      {},
    ],
    ['larger than may be stored', [chunkFixture('x'.repeat(600)), finishFixture()], {}],
  ])('does not store an answer that is %s', async (_title, script, head) => {
    const set = setUp([], { config: { maxAnswerBytes: 2_000 } });
    set.answers(() => script, head);
    expect(await twice(set)).toEqual(['miss', 'miss']);
    expect((await set.ask()).record).toEqual({ state: 'miss' });
  });

  it('takes what the only model sets for what the call sets', async () => {
    const set = setUp([{}, { generation: {} }, { temperature: 0 }]);
    const unset = { contents: [], generationConfig: {} };
    const atZero = { contents: [], generationConfig: { temperature: 0 } };
    expect((await set.ask({ request: unset })).state).toBe('miss');
    expect((await set.ask({ request: atZero })).state).toBe('hit');
  });

  it('does not store what fails half-way or is left', async () => {
    const set = setUp();
    set.answers(() => [chunkFixture('x'), new GatewayError('UPSTREAM_PROTOCOL', 'cut')]);
    await expect(set.ask()).rejects.toThrow('cut');
    set.answers(() => [chunkFixture('x'), HANG]);
    const left = await set.policy.apply(set.callOf(), set.next);
    const iterator = left.events[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    set.answers(() => [chunkFixture('x'), finishFixture()]);
    expect(await twice(set)).toEqual(['miss', 'hit']);
  });

  it('stores calls of tools only where the task says so', async () => {
    const value = {
      candidates: [{ content: { parts: [{ functionCall: { name: 'f' } }] }, finishReason: 'STOP' }],
    };
    for (const toolCalls of [false, true]) {
      const set = setUp([{ toolCalls }]);
      set.answers(() => [{ type: 'chunk', value }, finishFixture()]);
      expect((await twice(set))[1]).toBe(toolCalls ? 'hit' : 'miss');
    }
  });

  it('replays a stream as it came, and merges it for unary calls into one chunk', async () => {
    const set = setUp();
    const pieces = [chunkFixture('a'), chunkFixture('b'), chunkFixture('c', usageFixture(3, 5))];
    set.answers(() => [...pieces, finishFixture()]);
    await set.ask({ stream: true });
    expect((await set.ask({ stream: true })).chunks).toEqual(pieces);
    const { chunks, state } = await set.ask();
    expect([state, chunks.map(({ value }) => value)]).toEqual(['hit', [chunkFixture('abc').value]]);
    expect(JSON.parse(chunks[0]?.text ?? '')).toEqual(chunks[0]?.value);
  });

  it('tells what an answer that followed a schema went through, at each hit', async () => {
    const set = setUp();
    const report = { valid: true, repaired: true, reasked: false, relaxed: [] };
    set.answers(() => [chunkFixture('{}'), finishFixture({ structured: { ...report, value: {} } })]);
    await set.ask();
    const { call, finish } = await set.ask();
    expect(call.record.structured).toEqual(report);
    expect(finish.structured).toEqual({ ...report, value: {} });
  });

  it('tells questions apart by the schema that they name', async () => {
    const set = setUp();
    expect(await twice(set, { schema: { name: 'a' } })).toEqual(['miss', 'hit']);
    expect((await set.ask({ schema: { name: 'a', version: '2' } })).state).toBe('miss');
    expect((await set.ask()).state).toBe('miss');
  });

  it('sends equal questions of one moment upstream once, and stores the answer once', async () => {
    const set = setUp();
    const all = await Promise.all([set.ask(), set.ask(), set.ask()]);
    expect(all.map(({ state }) => state)).toEqual(['miss', 'coalesced', 'coalesced']);
    expect([set.upstream.length, set.memory.size]).toEqual([1, 1]);
    expect(all.map(({ call }) => call.record.usage().totalTokens)).toEqual([8, 0, 0]);
  });
});

describe('what a call says about stored answers', () => {
  it('forceRefresh gets another one, which takes the place of the first', async () => {
    const set = setUp();
    await set.ask();
    expect((await set.ask({ cache: { forceRefresh: true } })).state).toBe('miss');
    expect((await set.ask()).chunks).toEqual([chunkFixture('answer 2')]);
  });

  it('noStore leaves nothing behind, and takes what is there; with forceRefresh it goes by', async () => {
    const set = setUp();
    expect(await twice(set, { cache: { noStore: true } })).toEqual(['miss', 'miss']);
    await set.ask();
    expect((await set.ask({ cache: { noStore: true } })).state).toBe('hit');
    const by = await set.ask({ cache: { noStore: true, forceRefresh: true } });
    expect([by.state, by.record]).toEqual(['bypass', { state: 'bypass' }]);
  });

  it('onlyIfCached asks nobody', async () => {
    const set = setUp();
    for (const cache of [{ onlyIfCached: true }, { onlyIfCached: true, ttlMs: 1_000 }])
      await expect(set.ask({ cache })).rejects.toMatchObject({ reason: 'NO_TARGET' });
    await expect(
      set.ask({
        cache: { onlyIfCached: true },
        request: { contents: [], generationConfig: { temperature: 1 } },
      }),
    ).rejects.toMatchObject({ reason: 'NO_TARGET' });
    expect(set.upstream).toHaveLength(0);
    await set.ask();
    expect((await set.ask({ cache: { onlyIfCached: true } })).state).toBe('hit');
  });

  it('maxAgeMs takes nothing older', async () => {
    const set = setUp();
    await set.ask();
    set.clock.advance(100);
    expect((await set.ask({ cache: { maxAgeMs: 100 } })).state).toBe('hit');
    expect((await set.ask({ cache: { maxAgeMs: 99 } })).state).toBe('miss');
  });

  it('ttlMs is how long its answer is kept', async () => {
    const set = setUp();
    await set.ask({ cache: { ttlMs: 2_000 } });
    set.clock.advance(1_999);
    expect((await set.ask()).state).toBe('hit');
    set.clock.advance(1);
    expect((await set.ask()).state).toBe('miss');
  });
});

describe('answers past their time', () => {
  const down = (reason: Reason) => () => new GatewayError(reason, 'down');

  it.each<[Reason, boolean]>([
    ['UPSTREAM_OVERLOADED', true],
    ['UPSTREAM_UNAVAILABLE', true],
    ['UPSTREAM_QUOTA_EXHAUSTED', true],
    ['NO_TARGET', true],
    ['DEADLINE_EXCEEDED', true],
    ['INVALID_REQUEST', false],
    ['BUDGET_EXHAUSTED', false],
    ['CANCELLED', false],
    ['INTERNAL', false],
  ])('stand in for a failure with %s: %p', async (reason, standsIn) => {
    const set = setUp([{ ttlMs: 1_000, staleIfErrorMs: 10_000 }]);
    await set.ask();
    set.clock.advance(1_000);
    set.answers(down(reason));
    if (!standsIn) return expect(set.ask()).rejects.toMatchObject({ reason });
    const { head, record, chunks, call } = await set.ask();
    expect(head).toMatchObject({ cache: 'stale', attempts: 0, cached: { ageMs: 1_000, freshMs: 0 } });
    expect([record, chunks]).toEqual([{ state: 'stale', tier: 'memory' }, [chunkFixture('answer 1')]]);
    expect(call.record.usage()).toEqual(NO_USAGE);
    set.clock.advance(10_000);
    await expect(set.ask()).rejects.toMatchObject({ reason });
  });

  it('come before answers made beforehand, which are let go', async () => {
    const set = setUp([{ ttlMs: 1_000, staleIfErrorMs: 10_000 }]);
    await set.ask();
    set.clock.advance(1_000);
    set.answers(() => [chunkFixture('sorry'), finishFixture()], { project: 'canned' });
    expect((await set.ask()).state).toBe('stale');
  });

  it('give way to a new answer where there is one', async () => {
    const set = setUp([{ ttlMs: 1_000, staleIfErrorMs: 10_000 }]);
    await set.ask();
    set.clock.advance(1_000);
    expect((await set.ask()).chunks).toEqual([chunkFixture('answer 2')]);
    expect((await set.ask()).state).toBe('hit');
  });

  it('are given at once while another one is fetched behind them, once, on its own account', async () => {
    const set = setUp([{ ttlMs: 1_000, staleWhileRevalidateMs: 10_000 }]);
    const { call } = await set.ask();
    set.clock.advance(1_000);
    const gate = Promise.withResolvers<void>();
    const apply = (one: Call) =>
      set.policy.apply(one, async (again) => {
        await gate.promise;
        return set.next(again);
      });
    const stale = [await apply(set.callOf()), await apply(set.callOf())];
    expect(stale.map(({ head }) => head.cache)).toEqual(['stale', 'stale']);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(set.upstream).toHaveLength(2);
    const [, again] = set.upstream;
    expect([again?.id === call.id, again?.record === call.record, again?.signal === call.signal]).toEqual([
      false,
      false,
      false,
    ]);
    expect((await set.ask()).chunks).toEqual([chunkFixture('answer 2')]);
    expect(set.stats.refreshes.get('stored')).toBe(1);
    expect(set.stats.refreshUsage).toEqual(usageFixture(3, 5));
  });

  it('count refreshes that fail, and try again at the next call', async () => {
    const set = setUp([{ ttlMs: 1_000, staleWhileRevalidateMs: 10_000 }]);
    await set.ask();
    set.clock.advance(1_000);
    set.answers(down('UPSTREAM_UNAVAILABLE'));
    expect(await twice(set)).toEqual(['stale', 'stale']);
    expect([set.upstream.length, set.stats.refreshes.get('failed')]).toEqual([3, 2]);
  });

  it('stop being fetched when the gateway stops', async () => {
    const set = setUp([{ ttlMs: 1_000, staleWhileRevalidateMs: 10_000 }]);
    await set.ask();
    set.clock.advance(1_000);
    set.answers(() => [chunkFixture('x'), HANG]);
    await set.ask();
    set.revalidation.close();
    expect(set.upstream.at(-1)?.signal.aborted).toBe(true);
  });
});

describe('invalidations', () => {
  const tagged = { metadata: { tags: { release: '7' } }, prompt: 'p@1' } satisfies Partial<Call>;

  it.each([
    ['its tenant', { tenant: 'tenant-1' }, 'miss'],
    ['another tenant', { tenant: 'tenant-2' }, 'hit'],
    ['its task', { task: 'cached' }, 'miss'],
    ['its prompt', { prompt: 'p@1' }, 'miss'],
    ['another version of its prompt', { prompt: 'p@2' }, 'hit'],
    ['its tag', { tag: 'release=7' }, 'miss'],
    ['any value of its tag', { tag: 'release' }, 'miss'],
    ['another value of its tag', { tag: 'release=8' }, 'hit'],
    ['everything', {}, 'miss'],
    ['its task and another tenant', { task: 'cached', tenant: 'tenant-2' }, 'hit'],
  ])('of %s: %s', async (_title, filter, state) => {
    const set = setUp();
    await set.ask(tagged);
    await set.invalidations.add(filter);
    expect((await set.ask(tagged)).state).toBe(state);
    expect((await set.ask(tagged)).state).toBe('hit');
  });

  it('of its key, and of no other', async () => {
    const set = setUp();
    const { head } = await set.ask();
    const other = await set.ask({ request: { contents: [], generationConfig: { temperature: 0 } } });
    await set.invalidations.add({ key: head.cached?.key });
    expect((await set.ask()).state).toBe('miss');
    expect(other.state).toBe('miss');
    expect((await set.ask({ request: { contents: [], generationConfig: { temperature: 0 } } })).state).toBe(
      'hit',
    );
  });

  it('count for an answer that was under way at that time', async () => {
    const set = setUp();
    set.answers(() => [chunkFixture('a'), finishFixture()]);
    const generation = await set.policy.apply(set.callOf(), set.next);
    await set.invalidations.add({ task: 'cached' });
    await collect(generation);
    expect((await set.ask()).state).toBe('miss');
  });
});
