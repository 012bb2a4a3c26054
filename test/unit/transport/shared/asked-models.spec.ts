import { describe, expect, it } from '@jest/globals';
import type { ConfigStore } from '../../../../src/config/config-store.js';
import { ModelConfig, ModelsConfig } from '../../../../src/routing/models.config.js';
import { RoutingConfig } from '../../../../src/routing/routing.config.js';
import { FallbackConfig, TaskConfig } from '../../../../src/routing/tasks.config.js';
import { AskedModels, someSign } from '../../../../src/transport/shared/asked-models.js';
import { configFixture } from '../../../helpers/calls.js';
import { asked } from '../openai-api/fixtures.js';

const model = (thinkingLevels: ModelConfig['thinkingLevels'], thinkingBudget = true) =>
  Object.assign(new ModelConfig(), { thinkingLevels, thinkingBudget });

const models = Object.assign(new ModelsConfig(), {
  models: {
    'gemini-3.8-flash': model(['LOW', 'HIGH']),
    'gemini-2.5-flash': model([]),
    'gemini-4-argon': model(['LOW'], false),
  },
});
const task = Object.assign(new TaskConfig(), {
  models: ['gemini-3.8-flash', 'unknown'],
  fallback: [
    Object.assign(new FallbackConfig(), { model: 'gemini-4-argon' }),
    Object.assign(new FallbackConfig(), { canned: 'sorry' }),
  ],
});
const routing = Object.assign(new RoutingConfig(), { tasks: { chat: task } });
const store = { current: () => configFixture(models, routing) } as Pick<
  ConfigStore,
  'current'
> as ConfigStore;
const subject = new AskedModels(store);

const idsOf = (asking: { task?: string; model?: string }) => subject.of(asking).map(({ id }) => id);

describe('AskedModels', () => {
  it('knows of a model what mapping needs', () => {
    expect(subject.of({ model: 'gemini-4-argon' })).toEqual([
      { id: 'gemini-4-argon', thinkingLevels: ['LOW'], thinkingBudget: false },
    ]);
  });

  it('counts a task’s models and its fallbacks; a model that is named stands for the task’s', () => {
    expect(idsOf({ task: 'chat' })).toEqual(['gemini-3.8-flash', 'gemini-4-argon']);
    expect(idsOf({ task: 'chat', model: 'gemini-2.5-flash' })).toEqual([
      'gemini-2.5-flash',
      'gemini-4-argon',
    ]);
  });

  it('knows nothing of names that match nothing', () => {
    for (const asking of [{ model: 'toString' }, { task: 'toString' }, { task: 'none' }, {}])
      expect(idsOf(asking)).toEqual([]);
  });
});

it('signatures are checked unless all models are of before', () => {
  expect(someSign([])).toBe(true);
  expect(someSign([asked('gemini-2.5-flash')])).toBe(false);
  expect(someSign([asked('gemini-2.5-flash'), asked('gemini-3.8-flash')])).toBe(true);
});
