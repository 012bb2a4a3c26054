import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { CONFIG_SECTIONS } from '../../../src/config-sections.js';
import { renderConfigDocs } from '../../../src/config/config-docs.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { ModelsConfig } from '../../../src/routing/models.config.js';

describe('the configuration files of this repository', () => {
  it.each(['development', 'staging', 'production'])('are valid in %s', async (name) => {
    const { sections } = await loadConfig(CONFIG_SECTIONS, { environment: { GATEWAY_ENV: name } });
    expect(sections.size).toBe(CONFIG_SECTIONS.length);
  });

  it('leave the projects to whoever starts the gateway', async () => {
    const project = { id: 'given', provider: 'gemini', credentials: { apiKeys: [{ secret: 'env:KEY' }] } };
    const { sections } = await loadConfig(CONFIG_SECTIONS, {
      environment: {},
      defaults: { projects: [project] },
    });
    const { projects } = sections.get(RoutingConfig) as RoutingConfig;
    expect(projects.map(({ id }) => id)).toEqual(['given']);
  });

  it('give every generally available model a price', async () => {
    const { sections } = await loadConfig(CONFIG_SECTIONS, { environment: {} });
    const { models } = sections.get(ModelsConfig) as ModelsConfig;
    const unpriced = Object.entries(models).filter(([, { prices }]) =>
      prices.every(({ tier }) => tier !== 'standard'),
    );
    expect(unpriced.map(([name, { status }]) => [name, status])).toEqual([['gemini-4-carbon', 'unknown']]);
  });
});

describe('docs/config.md', () => {
  it('is what `npm run docs` makes of the section classes', async () => {
    expect(await readFile('docs/config.md', 'utf8')).toBe(renderConfigDocs(CONFIG_SECTIONS));
  });
});
