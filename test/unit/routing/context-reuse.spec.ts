import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import { collect } from '../../../src/core/combinators.js';
import type { JsonObject } from '../../../src/core/json.js';
import type { ForwardRequest, ForwardResponse, Provider } from '../../../src/core/provider.js';
import { TokenEstimator } from '../../../src/quota/token-estimator.js';
import { ContextCacheConfig } from '../../../src/routing/context-cache.config.js';
import { ContextCaches } from '../../../src/routing/context-caches.js';
import { ContextReuse, type ContextUse } from '../../../src/routing/context-reuse.js';
import { ModelConfig, ModelsConfig } from '../../../src/routing/models.config.js';
import { PrefixHomes } from '../../../src/routing/prefix-homes.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import type { Ranked, Target } from '../../../src/routing/target.js';
import { TaskConfig } from '../../../src/routing/tasks.config.js';
import {
  callFixture,
  configFixture,
  finishFixture,
  generationOf,
  usageFixture,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const MODEL = 'gemini-3.8-flash';
const LONG = 'A long document. '.repeat(1_500);
const says = (text: string): JsonObject => ({ role: 'user', parts: [{ text }] });
const asking = (question: string, document = LONG): JsonObject => ({
  systemInstruction: { parts: [{ text: 'Be brief.' }] },
  contents: [says(document), says(question)],
});

const model = Object.assign(new ModelConfig(), {
  prices: [{ tier: 'standard', input: 0.75, output: 3.75, cached: 0.075, cacheStorageHour: 0.5 }],
});
const config = configFixture(
  Object.assign(new ModelsConfig(), { models: { [MODEL]: model } }),
  Object.assign(new RoutingConfig(), {
    projects: [
      { id: 'a', weight: 1 },
      { id: 'b', weight: 1 },
      { id: 'spare', weight: 0 },
    ],
  }),
);

let clock: ManualClock;
let caches: ContextCaches;
let reuse: ContextReuse;
/** What the upstream was asked about its caches. */
let asked: { method: string; path: string; body: JsonObject }[];
let answer: { status: number; body: JsonObject };
/** The upstream answers no earlier. */
let hold: Promise<void>;

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  let text = '';
  for await (const chunk of body ?? []) text += Buffer.from(chunk).toString();
  return text;
}

const provider = {
  forward: async ({ method, path, body }: ForwardRequest): Promise<ForwardResponse> => {
    const text = await textOf(body);
    asked.push({ method, path, body: text === '' ? {} : (JSON.parse(text) as JsonObject) });
    await hold;
    const { status } = answer;
    const bytes = [Buffer.from(JSON.stringify(answer.body))];
    return {
      status,
      headers: {},
      body: (async function* () {
        yield* bytes;
      })(),
    };
  },
} as unknown as Provider;

function target(project: string, more: Partial<Target> = {}): Target {
  return {
    project,
    model: MODEL,
    upstreamModel: `${MODEL}-001`,
    kind: 'gemini',
    upstream: true,
    provider,
    ...more,
  } as Target;
}

beforeEach(() => {
  clock = new ManualClock(Date.UTC(2026, 10, 21));
  caches = new ContextCaches(clock);
  reuse = new ContextReuse(caches, new TokenEstimator());
  asked = [];
  hold = Promise.resolve();
  answer = { status: 200, body: { name: 'cachedContents/one', usageMetadata: { totalTokenCount: 6_000 } } };
});

function taskOf(settings: Partial<ContextCacheConfig> = {}, more: Partial<TaskConfig> = {}): TaskConfig {
  const contextCache = Object.assign(new ContextCacheConfig(), { explicit: true, ...settings });
  return Object.assign(new TaskConfig(), { models: [MODEL], contextCache, ...more });
}

function use(request: JsonObject, task = taskOf(), call: Partial<Call> = {}): ContextUse {
  const made = reuse.of(callFixture({ config, request, ...call }), task);
  if (made === undefined) throw new Error('there is nothing to reuse');
  return made;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets what goes on in the background come to its end. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await settle();
}

/** A call to a target, as an attempt makes it. Returns the request that the target got. */
async function ask(
  on: Target,
  request: JsonObject,
  task = taskOf(),
  cachedTokens = 0,
): Promise<Readonly<JsonObject>> {
  const context = use(request, task);
  const sent = context.requestFor(on, request);
  const usage = { ...usageFixture(6_000, 5), cachedTokens };
  await collect(context.answered(on, generationOf([finishFixture({ usage })]), sent.kept));
  await settled();
  return sent.request;
}

const countsOf = (name = `a/${MODEL}`) => caches.counts().find((count) => count.target === name);

describe('the project that had a prompt’s beginning', () => {
  const a = target('a');
  const b = target('b');
  const ranked = (...targets: Target[]): readonly Ranked[] => targets.map((one) => ({ target: one }));
  const pinned = (
    targets: readonly Ranked[],
    task = taskOf(),
    request = asking('when?'),
  ): readonly string[] =>
    use(request, task)
      .pinned(targets)
      .map(({ target: { project } }) => project);
  beforeEach(() => ask(b, asking('why?')));

  it('comes first for the next call with it', () => {
    expect(pinned(ranked(a, b))).toEqual(['b', 'a']);
    expect(pinned(ranked(a, target('spare'), b))).toEqual(['b', 'a', 'spare']);
  });

  it('is the last that had it', async () => {
    await ask(a, asking('how?'));
    expect(pinned(ranked(b, a))).toEqual(['a', 'b']);
  });

  it('does not come first for another beginning, another model or where it is not in the plan', () => {
    expect(pinned(ranked(a, b), taskOf(), asking('why?', `Not: ${LONG}`))).toEqual(['a', 'b']);
    expect(pinned(ranked(target('a', { model: 'other' }), b))).toEqual(['a', 'b']);
    expect(pinned(ranked(a))).toEqual(['a']);
  });

  it('does not come before an order that somebody wrote, or where the task does not want it', () => {
    expect(pinned(ranked(a, b), taskOf({}, { strategy: 'ordered' }))).toEqual(['a', 'b']);
    expect(pinned(ranked(a, b), taskOf({ affinity: false }))).toEqual(['a', 'b']);
  });

  it('does not come first when it is a spare', async () => {
    await ask(target('spare'), asking('why?'));
    expect(pinned(ranked(a, target('spare')))).toEqual(['a', 'spare']);
  });

  it.each([
    [0.85, ['b', 'a']],
    [0.5, ['a', 'b']],
  ])('comes first among scored targets when it is as good: %d of the best', (score, order) => {
    const targets = [
      { target: a, score: 1 },
      { target: b, score },
    ];
    expect(pinned(targets, taskOf({}, { strategy: 'fastest' }))).toEqual(order);
  });
});

describe('the homes of beginnings', () => {
  it('are forgotten when they were used longest ago, beyond twenty thousand', () => {
    const homes = new PrefixHomes();
    const prefix = (index: number) => [{ hash: `${index}`, tokens: 5_000, contents: 0 }];
    for (let index = 0; index < 20_000; index += 1) homes.learn('a', MODEL, prefix(index));
    homes.learn('b', MODEL, prefix(0));
    homes.learn('a', MODEL, prefix(20_000));
    expect([0, 1, 2].map((index) => homes.of(MODEL, prefix(index)))).toEqual(['b', undefined, 'a']);
  });
});

describe('nothing is looked at', () => {
  it.each<[string, TaskConfig | undefined, Partial<Call>]>([
    ['where no task asks for it', undefined, {}],
    ['where the task does not', Object.assign(new TaskConfig(), { models: [MODEL] }), {}],
    ['of what is not generated', taskOf(), { operation: 'count_tokens' }],
    ['of a short prompt', taskOf(), { request: { contents: [says('Hello'), says('you')] } }],
  ])('%s', (_, task, call) => {
    expect(reuse.of(callFixture({ config, request: asking('why?'), ...call }), task)).toBeUndefined();
  });
});

describe('a beginning that is seen often', () => {
  const a = target('a');
  const NAMED = { contents: [says('why?')], cachedContent: 'cachedContents/one' };

  it('is made in the background, once, and named from then on', async () => {
    const before = [await ask(a, asking('1')), await ask(a, asking('2'))];
    expect(asked).toEqual([]);
    before.push(await ask(a, asking('3')));
    expect(before.every(({ cachedContent }) => cachedContent === undefined)).toBe(true);
    const { systemInstruction, contents } = asking('3');
    expect(asked).toEqual([
      {
        method: 'POST',
        path: '/v1beta/cachedContents',
        body: {
          systemInstruction,
          contents: (contents as JsonObject[]).slice(0, 1),
          model: `models/${MODEL}-001`,
          ttl: '600s',
        },
      },
    ]);
    expect(await ask(a, asking('why?'))).toEqual(NAMED);
    expect(asked).toHaveLength(1);
    expect(countsOf()).toMatchObject({ made: 1, hits: 1, savedNanoUsd: 4_050_000, spentNanoUsd: 5_000_000 });
  });

  it('is made only once while it is being made', async () => {
    for (const question of ['1', '2', '3', '4', '5', '6']) {
      const request = asking(question);
      use(request).requestFor(a, request);
    }
    await settled();
    expect(asked).toHaveLength(1);
  });

  it('is made beside one other at most', async () => {
    const documents = ['A', 'B', 'C'].map((name) => `${name}: ${LONG}`);
    const useAll = async (): Promise<void> => {
      for (const document of documents)
        for (const question of ['1', '2', '3']) {
          const request = asking(question, document);
          use(request).requestFor(a, request);
        }
      await settled();
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    hold = promise;
    await useAll();
    expect(asked).toHaveLength(2);
    resolve();
    await settled();
    await useAll();
    expect(asked).toHaveLength(3);
  });

  it.each<[string, Partial<Target>, TaskConfig]>([
    ['on another provider', { kind: 'vertex' }, taskOf()],
    ['where the task does not want it', {}, taskOf({ explicit: false })],
    ['where more calls are wanted', {}, taskOf({ minUses: 10 })],
    ['where storage costs more than it saves', {}, taskOf({ ttlMs: 86_400_000 })],
  ])('is not made %s', async (_, more, task) => {
    for (const question of ['1', '2', '3', '4', '5']) await ask(target('a', more), asking(question), task);
    expect(asked).toEqual([]);
  });

  it('is not made where Google has most of it by itself', async () => {
    for (let count = 0; count < 10; count += 1)
      await ask(a, asking(`${count}`), taskOf({ minUses: 5 }), 6_000);
    expect(asked).toEqual([]);
  });

  it('is not made of calls that are far apart', async () => {
    for (let count = 0; count < 10; count += 1) {
      await ask(a, asking(`${count}`));
      clock.advance(1_800_000);
    }
    expect(asked).toEqual([]);
  });

  it('is each project’s own', async () => {
    for (const question of ['1', '2', '3']) await ask(a, asking(question));
    expect((await ask(target('b'), asking('why?')))['cachedContent']).toBeUndefined();
  });

  it('is not asked for again for a while where the upstream did not make it', async () => {
    answer = { status: 400, body: {} };
    for (const question of ['1', '2', '3', '4', '5']) await ask(a, asking(question));
    expect(asked).toHaveLength(1);
    expect(countsOf()).toMatchObject({ failed: 1, made: 0 });
    clock.advance(600_001);
    answer.status = 200;
    for (const question of ['6', '7', '8']) await ask(a, asking(question));
    expect(asked).toHaveLength(2);
  });

  it('is not believed to be made without a name of its own', async () => {
    answer.body = { name: 'cachedContents/../files/x' };
    for (const question of ['1', '2', '3']) await ask(a, asking(question));
    expect((await ask(a, asking('4')))['cachedContent']).toBeUndefined();
    expect(countsOf()).toMatchObject({ failed: 1 });
  });

  it('is not named for a request whose contents were changed', async () => {
    for (const question of ['1', '2', '3']) await ask(a, asking(question));
    const request = asking('why?');
    expect(use(request).requestFor(a, structuredClone(request)).kept).toBeUndefined();
  });

  describe('beside a shorter one that is kept', () => {
    const within = (document: string, question: string): JsonObject => ({
      systemInstruction: { parts: [{ text: LONG }] },
      contents: [says(document), says(question)],
    });
    beforeEach(async () => {
      answer.body = { name: 'cachedContents/short' };
      for (const document of ['x', 'y', 'z']) await ask(a, within(document, '?'));
      expect(asked).toHaveLength(1);
      answer.body = { name: 'cachedContents/long' };
    });

    it('is named instead of that once it is kept, too', async () => {
      expect((await ask(a, within(LONG, '1')))['cachedContent']).toBe('cachedContents/short');
      for (const question of ['2', '3', '4']) await ask(a, within(LONG, question));
      expect(await ask(a, within(LONG, 'why?'))).toEqual({
        contents: [says('why?')],
        cachedContent: 'cachedContents/long',
      });
    });

    it('is not made for the little that it has beyond that', async () => {
      for (const question of ['1', '2', '3', '4', '5', '6'])
        await ask(a, within(LONG.slice(0, LONG.length / 10), question));
      expect(asked).toHaveLength(1);
    });
  });

  describe('and is kept', () => {
    beforeEach(async () => {
      for (const question of ['1', '2', '3']) await ask(a, asking(question));
      asked = [];
      answer.body = {};
    });

    it('is prolonged near its end when it is used', async () => {
      clock.advance(440_000);
      await ask(a, asking('4'));
      expect(asked).toEqual([]);
      clock.advance(20_000);
      await ask(a, asking('5'));
      expect(asked).toEqual([
        { method: 'PATCH', path: '/v1beta/cachedContents/one?updateMask=ttl', body: { ttl: '600s' } },
      ]);
      clock.advance(300_000);
      expect(await ask(a, asking('why?'))).toEqual(NAMED);
      expect(countsOf()).toMatchObject({ prolonged: 1 });
    });

    it('is prolonged however much of it comes from the cache that it is', async () => {
      for (let count = 0; count < 12; count += 1) await ask(a, asking(`${count}`), taskOf(), 6_000);
      asked = [];
      clock.advance(480_000);
      expect(asked).toEqual([]);
      await ask(a, asking('why?'), taskOf(), 6_000);
      expect(asked.map(({ method }) => method)).toEqual(['PATCH']);
    });

    it('is not named when it may be gone', async () => {
      clock.advance(596_000);
      expect((await ask(a, asking('why?')))['cachedContent']).toBeUndefined();
    });

    it('is not named again once it was refused', async () => {
      const request = asking('4');
      use(request).requestFor(a, request).kept?.gone();
      expect(countsOf()).toMatchObject({ hits: 1, refused: 1, savedNanoUsd: 0 });
      expect((await ask(a, asking('5')))['cachedContent']).toBeUndefined();
    });

    it('ends by itself, and leaves no timer', () => {
      clock.advance(660_000);
      expect(asked).toEqual([]);
      expect(clock.armed).toBe(0);
    });
  });

  it('is dropped before its end when it does not pay any more', async () => {
    const lasting = taskOf({ ttlMs: 36_000_000, minUses: 1 });
    for (let count = 0; count < 12; count += 1) await ask(a, asking(`${count}`), lasting);
    expect(asked).toHaveLength(1);
    asked = [];
    clock.advance(30_000);
    expect(asked).toEqual([]);
    clock.advance(30_000_000);
    await settle();
    expect(asked).toEqual([{ method: 'DELETE', path: '/v1beta/cachedContents/one', body: {} }]);
    await settle();
    expect(countsOf()).toMatchObject({ dropped: 1 });
    expect((await ask(a, asking('why?'), lasting))['cachedContent']).toBeUndefined();
  });

  it('asks for nothing after the end of the process was announced', async () => {
    caches.onApplicationShutdown();
    for (const question of ['1', '2', '3', '4']) await ask(a, asking(question));
    expect(asked).toEqual([]);
    expect(clock.armed).toBe(0);
  });
});
