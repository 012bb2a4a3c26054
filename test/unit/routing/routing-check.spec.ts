import { describe, expect, it } from '@jest/globals';
import { routingProblems } from '../../../src/routing/routing-check.js';
import { project, routing } from './fixtures.js';

const MODELS = { known: { prices: [] }, other: { prices: [] } };
const problems = (values: object) => routingProblems(routing(values), MODELS);
const task = (values: object, more: object = { projects: [project('a')] }) =>
  problems({ ...more, tasks: { t: values } });

describe('routingProblems', () => {
  it('finds nothing wrong where every name matches', () => {
    expect(
      problems({
        projects: [
          project('a', { models: ['known'], modelNames: { known: 'x' } }),
          { id: 'v', provider: 'vertex', project: 'p', credentials: { adc: true } },
          { id: 'w', provider: 'vertex', project: 'p', credentials: { serviceAccount: 'env:A' } },
          project('o', { provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1' }),
        ],
        tasks: { t: { models: ['known'], fallback: [{ model: 'other' }, { canned: 'c' }] } },
        canned: { c: { text: 'x' }, d: { json: {} } },
      }),
    ).toEqual([]);
  });

  it('finds shares of a divided traffic that name no model, or are more than all', () => {
    const split = {
      shares: [
        { model: 'odd', percent: 60 },
        { model: 'other', percent: 50 },
      ],
    };
    expect(task({ models: ['known'], split })).toEqual([
      { path: 'tasks.t.split.shares[0].model', message: '"odd" is not in models' },
      { path: 'tasks.t.split.shares', message: 'add up to 110 percent; at most 100' },
    ]);
  });

  it('finds answers to a broken schema that are promised and not there', () => {
    const structured = (values: object) => task({ models: ['known'], structured: values });
    expect(structured({ onMismatch: 'default' })).toEqual([
      { path: 'tasks.t.structured.default', message: 'must be set for onMismatch: default' },
    ]);
    expect(structured({ onMismatch: 'model' })).toEqual([
      { path: 'tasks.t.structured.model', message: 'must be set for onMismatch: model' },
    ]);
    expect(structured({ onMismatch: 'model', model: 'odd' })).toEqual([
      { path: 'tasks.t.structured.model', message: '"odd" is not in models' },
    ]);
    expect(structured({ onMismatch: 'default', default: false })).toEqual([]);
    expect(structured({ onMismatch: 'model', model: 'other' })).toEqual([]);
  });

  it('finds a mirror that has no price', () => {
    expect(task({ models: ['known'], mirror: { model: 'other', maxUsdPerDay: 1 } })).toEqual([
      { path: 'tasks.t.mirror.model', message: expect.stringContaining('has no standard price') },
    ]);
  });

  it.each([
    [[project('a'), project('a')], 'projects[1].id', '"a" is the id of another project'],
    [[{ id: 'a', provider: 'gemini' }], 'projects[0].credentials.apiKeys', 'must name at least one key'],
    [
      [{ id: 'v', provider: 'vertex', credentials: { adc: true } }],
      'projects[0].project',
      'must be set for vertex',
    ],
    [
      [{ id: 'v', provider: 'vertex', project: 'p' }],
      'projects[0].credentials',
      'must have either adc: true or serviceAccount',
    ],
    [
      [{ id: 'v', provider: 'vertex', project: 'p', credentials: { adc: true, serviceAccount: 'env:A' } }],
      'projects[0].credentials',
      'must have either adc: true or serviceAccount',
    ],
    [
      [project('o', { provider: 'openai-compatible' })],
      'projects[0].baseUrl',
      'must be set for openai-compatible',
    ],
    [
      [{ id: 'o', provider: 'openai-compatible', baseUrl: 'http://127.0.0.1:1' }],
      'projects[0].credentials.apiKeys',
      'must name at least one key',
    ],
    [[project('a', { models: ['known', 'odd'] })], 'projects[0].models[1]', '"odd" is not in models'],
    [[project('a', { modelNames: { odd: 'x' } })], 'projects[0].modelNames.odd', 'is not in models'],
  ])('case %#: a project', (projects, path, message) => {
    expect(problems({ projects })).toEqual([{ path, message }]);
  });

  it.each([
    [{ models: ['odd'] }, 'tasks.t.models[0]', '"odd" is not in models'],
    [{ models: ['known'], fallback: [{}] }, 'tasks.t.fallback[0]', 'must have either model or canned'],
    [
      { models: ['known'], fallback: [{ model: 'odd' }] },
      'tasks.t.fallback[0].model',
      '"odd" is not in models',
    ],
    [
      { models: ['known'], fallback: [{ canned: 'odd' }] },
      'tasks.t.fallback[0].canned',
      '"odd" is not in canned',
    ],
  ])('a task %j', (values, path, message) => {
    expect(task(values)).toEqual([{ path, message }]);
  });

  it('wants a project for each model of a task, once there are projects', () => {
    expect(task({ models: ['other'] }, { projects: [project('a', { models: ['known'] })] })).toEqual([
      { path: 'tasks.t.models[0]', message: 'no project serves "other"' },
    ]);
    expect(task({ models: ['other'] }, {})).toEqual([]);
  });

  it.each([{}, { text: 'x', json: {} }])('a canned answer %j', (answer) => {
    expect(problems({ canned: { c: answer } })).toEqual([
      { path: 'canned.c', message: 'must have either text or json' },
    ]);
  });
});
