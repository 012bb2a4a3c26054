import { afterAll, describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import { OutlierEjection } from '../../../src/resilience/outlier-ejection.js';
import { TargetHealth } from '../../../src/resilience/target-health.js';
import type { QuotaHeadroom } from '../../../src/routing/quota-headroom.js';
import { LatencyBook } from '../../../src/routing/latency-book.js';
import { ContextCaches } from '../../../src/routing/context-caches.js';
import { ContextReuse } from '../../../src/routing/context-reuse.js';
import { TokenEstimator } from '../../../src/quota/token-estimator.js';
import { RoutePlanner } from '../../../src/routing/route-planner.js';
import { TargetRanking } from '../../../src/routing/target-ranking.js';
import { targetName } from '../../../src/routing/target.js';
import { callFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { project, registry, snapshot } from './fixtures.js';

const { providers, tables } = registry();
afterAll(() => providers.onApplicationShutdown());

const MODELS = {
  big: { generation: { temperature: 0.2 } },
  small: {},
  textual: { inputModalities: ['text'], tools: false },
  embedder: { outputModalities: [] },
};
const CONFIG = snapshot({
  models: MODELS,
  projects: [
    project('first', { weight: 1, residency: 'eu', modelNames: { big: 'big-001' } }),
    project('second', { weight: 3, models: ['big', 'textual'], resources: true }),
    project('third', { weight: 0, models: ['big'], timeouts: { totalMs: 5 } }),
  ],
  tasks: {
    work: { models: ['small', 'big'], generation: { temperature: 0.9 } },
    listed: { models: ['big', 'small'], strategy: 'ordered' },
    careful: { models: ['big'], fallback: [{ canned: 'sorry' }, { model: 'small' }] },
    resident: { models: ['big'], residency: 'eu' },
    nowhere: { models: ['big'], residency: 'mars' },
    plain: { models: ['textual'] },
    stale: { models: ['gone', 'small'] },
    picky: { models: ['textual', 'big'] },
    rollout: {
      models: ['big', 'small'],
      strategy: 'ordered',
      split: { stickyBy: 'call', shares: [{ model: 'small', percent: 10 }] },
    },
    limited: { models: ['big', 'small'], strategy: 'ordered', fallback: [{ canned: 'sorry' }] },
  },
  canned: { sorry: { text: 'Later.' } },
});

/** Nobody wants anything of Google's own caches. */
const NO_CONTEXTS = new ContextReuse(new ContextCaches(new ManualClock()), new TokenEstimator());

function planner(random: () => number, out?: Pick<OutlierEjection, 'any' | 'has'>): RoutePlanner {
  const clock = new ManualClock();
  const config = new ResilienceConfig();
  const ejection = new OutlierEjection(config, clock);
  const health = new TargetHealth(config, clock, ejection);
  const headroom = { of: () => 1 } as unknown as QuotaHeadroom;
  const ranking = new TargetRanking(health, new LatencyBook(), headroom, clock, random);
  return new RoutePlanner(
    tables,
    ranking,
    (out as OutlierEjection | undefined) ?? ejection,
    NO_CONTEXTS,
    random,
  );
}

/** A call under the configuration above that names no model. */
function callOf(overrides: Partial<Call>): Call {
  const { model: _, ...fixture } = callFixture();
  return { ...fixture, config: CONFIG, ...overrides };
}

/** Plans a call with a source of randomness that draws these numbers, then 0.5. */
function planOf(call: Partial<Call>, draws: readonly number[] = []) {
  const left = [...draws];
  const { model: _, ...fixture } = callFixture();
  const plan = planner(() => left.shift() ?? 0.5).plan({ ...fixture, config: CONFIG, ...call });
  return { skipped: plan.skipped, targets: plan.targets.map(({ target }) => target) };
}

const namesOf = (call: Partial<Call>, draws?: readonly number[]) =>
  planOf(call, draws).targets.map(targetName);

describe('RoutePlanner', () => {
  it('takes the models of the task in their order, each on the projects that serve it', () => {
    expect(namesOf({ task: 'work' })).toEqual(['first/small', 'second/big', 'first/big', 'third/big']);
  });

  it('draws the order of projects by weight, those of no weight last', () => {
    const counts = new Map<string, number>();
    let seed = 1;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const drawing = planner(random);
    for (let at = 0; at < 4_000; at += 1) {
      const { targets } = drawing.plan(callFixture({ config: CONFIG, model: 'big' }));
      const names = targets.map(({ target }) => targetName(target));
      expect(names.at(-1)).toBe('third/big');
      counts.set(names[0] ?? '', (counts.get(names[0] ?? '') ?? 0) + 1);
    }
    expect((counts.get('second/big') ?? 0) / 4_000).toBeCloseTo(0.75, 1);
    expect(namesOf({ model: 'big' }, [0.01, 0.99])).toEqual(['first/big', 'second/big', 'third/big']);
  });

  it('keeps models and projects as they are listed where the task says so', () => {
    expect(namesOf({ task: 'listed' }, [0.99, 0.01])).toEqual([
      'first/big',
      'second/big',
      'third/big',
      'first/small',
    ]);
  });

  it('puts fallbacks behind the models, canned answers among them', () => {
    expect(namesOf({ task: 'careful' })).toEqual([
      'second/big',
      'first/big',
      'third/big',
      'canned/sorry',
      'first/small',
    ]);
  });

  it('takes no fallback where nothing is generated', () => {
    expect(namesOf({ task: 'careful', operation: 'count_tokens' })).not.toContain('canned/sorry');
  });

  it('takes the model that the caller names in place of the task’s, with the task’s settings', () => {
    const { targets } = planOf({ task: 'work', model: 'big' });
    expect(targets.map(({ model }) => model)).toEqual(['big', 'big', 'big']);
    expect(targets[0]?.prepare({})).toEqual({ generationConfig: { temperature: 0.9 } });
    expect(planOf({ model: 'big' }).targets[0]?.prepare({})).toEqual({
      generationConfig: { temperature: 0.2 },
    });
  });

  it('gives a target its project’s names, times and provider', () => {
    const { targets } = planOf({ model: 'big' }, [0.01, 0.99]);
    expect(targets[0]).toMatchObject({ project: 'first', model: 'big', upstreamModel: 'big-001' });
    expect(targets[1]).toMatchObject({ upstreamModel: 'big' });
    expect(targets[2]?.timeouts.totalMs).toBe(5);
    expect(new Set(targets.map(({ provider }) => provider)).size).toBe(3);
  });

  it('leaves a canned answer’s request and times alone', () => {
    const canned = planOf({ task: 'careful' }).targets[3];
    const request = {};
    expect(canned?.prepare(request)).toBe(request);
    expect(canned?.timeouts.totalMs).toBe(Infinity);
  });

  it('goes only where the task’s data may go, and says what it left out', () => {
    const { targets, skipped } = planOf({ task: 'resident' });
    expect(targets.map(targetName)).toEqual(['first/big']);
    expect(skipped).toEqual([
      { target: 'second/big', why: 'its residency is not eu' },
      { target: 'third/big', why: 'its residency is not eu' },
    ]);
    expect(() => planOf({ task: 'nowhere' })).toThrow(expect.objectContaining({ reason: 'NO_TARGET' }));
  });

  it('leaves out the models that cannot take the request', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AA==' } };
    const request = { contents: [{ parts: [image] }] };
    expect(planOf({ task: 'picky', request }).skipped).toContainEqual({
      target: 'textual',
      why: 'takes no image input',
    });
    expect(() => planOf({ task: 'plain', request })).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        message: 'No model can take this request: textual takes no image input.',
        metadata: { field: 'contents' },
      }),
    );
  });

  it('leaves out a model that no project serves any more', () => {
    const { targets, skipped } = planOf({ task: 'stale' });
    expect(targets.map(targetName)).toEqual(['first/small']);
    expect(skipped).toEqual([{ target: 'gone', why: 'no project serves it' }]);
  });

  it('sends what names a file or cached content to the project that keeps it', () => {
    const cached = { contents: [], cachedContent: 'cachedContents/1' };
    expect(namesOf({ task: 'work', request: cached })).toEqual(['second/big']);
    const fileUri = 'https://generativelanguage.googleapis.com/v1beta/files/a';
    const file = { contents: [{ parts: [{ fileData: { mimeType: 'image/png', fileUri } }] }] };
    expect(namesOf({ model: 'big', request: file })).toEqual(['second/big']);
  });

  it('does not call a model unknown that only lacks the file', () => {
    const request = { contents: [], cachedContent: 'cachedContents/1' };
    expect(() => planOf({ model: 'small', request })).toThrow(
      expect.objectContaining({ reason: 'NO_TARGET', message: expect.stringContaining('does not keep') }),
    );
  });

  it('refuses a task that is none, and names those that are', () => {
    for (const task of ['x'.repeat(200), 'constructor'])
      expect(() => planOf({ task })).toThrow(
        expect.objectContaining({
          reason: 'INVALID_REQUEST',
          message: `There is no task "${task.slice(0, 100)}". Tasks: careful, limited, listed, nowhere, picky, plain, resident, rollout, stale, work.`,
          metadata: { field: 'task' },
        }),
      );
  });

  it.each([undefined, 'work'])('refuses a model that no project serves, with task %p', (task) => {
    for (const model of ['unknown-model', 'constructor'])
      expect(() => planOf({ model, ...(task === undefined ? {} : { task }) })).toThrow(
        expect.objectContaining({
          reason: 'MODEL_NOT_FOUND',
          message: `No project serves "${model}". Models: big, embedder, small, textual.`,
          metadata: { field: 'model' },
        }),
      );
  });
});

describe('RoutePlanner, divided traffic', () => {
  it('tries the model of the call’s share first, then the task’s', () => {
    const plan = planner(() => 0.05).plan(callOf({ task: 'rollout' }));
    expect(plan.targets.map(({ target }) => targetName(target))).toEqual([
      'first/small',
      'first/big',
      'second/big',
      'third/big',
    ]);
  });

  it('goes by the task’s models for the rest, and writes down which it was', () => {
    const [rest, share] = [callOf({ task: 'rollout' }), callOf({ task: 'rollout' })];
    expect(planner(() => 0.15).plan(rest).targets[0]?.target.model).toBe('big');
    planner(() => 0.05).plan(share);
    expect([rest.record.share, share.record.share]).toEqual([undefined, 'small']);
  });

  it('leaves a call alone that names its model', () => {
    const { targets } = planner(() => 0).plan(callOf({ task: 'rollout', model: 'big' }));
    expect(new Set(targets.map(({ target }) => target.model))).toEqual(new Set(['big']));
  });
});

describe('RoutePlanner, steps that a task allows', () => {
  const MODELS = ['first/big', 'second/big', 'third/big', 'first/small', 'other/elsewhere', 'canned/sorry'];
  const limitedTo = (failover: object) => {
    const config = snapshot({
      models: { big: {}, small: {}, elsewhere: {} },
      projects: [
        project('first', { models: ['big', 'small'] }),
        project('second', { models: ['big'] }),
        project('third', { models: ['big'] }),
        project('other', {
          provider: 'openai-compatible',
          baseUrl: 'http://127.0.0.1:1',
          models: ['elsewhere'],
        }),
      ],
      tasks: {
        t: {
          models: ['big', 'small', 'elsewhere'],
          strategy: 'ordered',
          fallback: [{ canned: 'sorry' }],
          failover,
        },
      },
      canned: { sorry: { text: 'Later.' } },
    });
    const { targets, skipped } = planner(() => 0.5).plan(callOf({ task: 't', config }));
    return {
      names: targets.map(({ target }) => targetName(target)),
      reasons: new Set(skipped.map(({ why }) => why)),
    };
  };

  it.each([
    [{}, MODELS, []],
    [{ canned: false }, MODELS.slice(0, 5), ['the task allows no answers made beforehand']],
    [
      { projects: false },
      ['first/big', 'first/small', 'other/elsewhere', 'canned/sorry'],
      ['the task allows no other projects'],
    ],
    [
      { models: false },
      ['first/big', 'second/big', 'third/big', 'canned/sorry'],
      ['the task allows no other models'],
    ],
    [
      { providers: false },
      ['first/big', 'second/big', 'third/big', 'first/small', 'canned/sorry'],
      ['the task allows no other providers'],
    ],
    [
      { projects: false, models: false, canned: false },
      ['first/big'],
      [
        'the task allows no other projects',
        'the task allows no other models',
        'the task allows no answers made beforehand',
      ],
    ],
  ])('case %#: %j', (failover, names, reasons) => {
    const limited = limitedTo(failover);
    expect(limited.names).toEqual(names);
    expect(limited.reasons).toEqual(new Set(reasons));
  });
});

describe('RoutePlanner, projects that are out', () => {
  const outOf = (out: readonly string[], call: Partial<Call>) => {
    const ejection = { any: out.length > 0, has: (name: string) => out.includes(name) };
    const { targets, skipped } = planner(() => 0.5, ejection).plan(callOf(call));
    return { names: targets.map(({ target }) => targetName(target)), skipped };
  };

  it('leaves them out and says why', () => {
    const { names, skipped } = outOf(['second'], { task: 'listed' });
    expect(names).toEqual(['first/big', 'third/big', 'first/small']);
    expect(skipped).toEqual([
      {
        target: 'second/big',
        why: 'its project fails much more often than the others and is left out for a while',
      },
    ]);
  });

  it('leaves out at most half of those that call an upstream', () => {
    expect(outOf(['first', 'second', 'third'], { task: 'listed' }).names).toEqual([
      'third/big',
      'first/small',
    ]);
    expect(outOf(['first'], { task: 'resident' }).names).toEqual(['first/big']);
    expect(outOf(['first', 'second', 'third'], { task: 'limited' }).names).toEqual([
      'third/big',
      'first/small',
      'canned/sorry',
    ]);
  });
});
