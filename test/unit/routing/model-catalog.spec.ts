import { afterAll, describe, expect, it } from '@jest/globals';
import type { ConfigStore } from '../../../src/config/config-store.js';
import { ModelCatalog } from '../../../src/routing/model-catalog.js';
import { ResourceForwarder } from '../../../src/routing/resource-forwarder.js';
import { project, registry, snapshot } from './fixtures.js';

const { providers, tables } = registry();
afterAll(() => providers.onApplicationShutdown());

const storeOf = (config: ReturnType<typeof snapshot>) =>
  ({ current: () => config }) as unknown as ConfigStore;

describe('ModelCatalog', () => {
  it('lists what some project serves, by name, and tasks with their models', () => {
    const config = snapshot({
      models: { b: { contextTokens: 5, outputModalities: [] }, a: { status: 'preview' }, unserved: {} },
      projects: [project('one', { models: ['b', 'a'] }), project('two', { models: ['a'] })],
      tasks: { t: { models: ['a', 'b'] } },
    });
    const overview = new ModelCatalog(storeOf(config), tables).overview();
    expect(overview.models).toEqual([
      expect.objectContaining({ id: 'a', status: 'preview', projects: ['one', 'two'] }),
      expect.objectContaining({ id: 'b', contextTokens: 5, outputModalities: [], projects: ['one'] }),
    ]);
    expect(overview.tasks).toEqual([{ id: 't', models: ['a', 'b'] }]);
  });
});

describe('ResourceForwarder', () => {
  const request = {
    method: 'GET',
    path: '/v1beta/files',
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
  };

  it('has nowhere to send to without a project that keeps resources', async () => {
    const openai = project('o', {
      provider: 'openai-compatible',
      baseUrl: 'http://127.0.0.1:1',
      resources: true,
    });
    for (const projects of [[], [openai]]) {
      const forwarder = new ResourceForwarder(storeOf(snapshot({ models: {}, projects })), tables);
      await expect(forwarder.forward(request)).rejects.toMatchObject({ reason: 'UNIMPLEMENTED' });
    }
  });
});
