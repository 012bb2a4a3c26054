import { afterAll, describe, expect, it } from '@jest/globals';
import { project, registry, snapshot } from './fixtures.js';

const { providers, tables } = registry();
afterAll(() => providers.onApplicationShutdown());

const keeperOf = (...projects: object[]) =>
  tables.of(snapshot({ models: { m: {} }, projects })).resourceKeeper?.project.id;

describe('RoutingTable', () => {
  it('lets the project keep resources that is marked so, else the first on the Developer API', () => {
    const vertex = { id: 'v', provider: 'vertex', project: 'p', credentials: { adc: true } };
    expect(keeperOf(vertex, project('a'), project('b'))).toBe('a');
    expect(keeperOf(vertex, project('a'), project('b', { resources: true }))).toBe('b');
    expect(keeperOf({ ...vertex, resources: true }, project('a'))).toBe('v');
    expect(keeperOf(vertex)).toBeUndefined();
  });

  it('is made once for a version of the configuration', () => {
    const config = snapshot({ models: { m: {} }, projects: [project('a')] });
    expect(tables.of(config)).toBe(tables.of(config));
    expect(
      tables
        .of(config)
        .allSites()
        .map(({ project: { id } }) => id),
    ).toEqual(['a']);
    expect(tables.of(config).servedModels()).toEqual(['m']);
    expect(tables.of(config).sites('constructor')).toEqual([]);
  });
});
