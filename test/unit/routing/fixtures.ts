import { bindSection } from '../../../src/config/bind-section.js';
import { SecretStore } from '../../../src/config/secrets.js';
import { SecretsConfig } from '../../../src/config/secrets.config.js';
import type { ConfigSnapshot } from '../../../src/core/config-snapshot.js';
import { ModelsConfig } from '../../../src/routing/models.config.js';
import { ProviderRegistry } from '../../../src/routing/provider-registry.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { RoutingTables } from '../../../src/routing/routing-tables.js';
import { configFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

/** The routing section as the loader makes it of these values. */
export function routing(values: object): Readonly<RoutingConfig> {
  return bindSection(RoutingConfig, values as Record<string, unknown>, '', refuse);
}

/** A configuration of these projects, tasks, canned answers and models. */
export function snapshot({
  models,
  ...values
}: { models: object } & Record<string, unknown>): ConfigSnapshot {
  return configFixture(routing(values), bindSection(ModelsConfig, { models }, '', refuse));
}

/** A project on the Developer API. */
export function project(id: string, more: object = {}): object {
  return { id, provider: 'gemini', credentials: { apiKeys: [{ secret: 'env:KEY' }] }, ...more };
}

/** Providers over no upstream, and the clock that they retire by. */
export function registry() {
  const clock = new ManualClock();
  const settings = new SecretsConfig();
  const secrets = new SecretStore({ settings, clock, environment: { KEY: 'key', OTHER: 'other' } });
  const providers = new ProviderRegistry(secrets, clock);
  return { clock, providers, tables: new RoutingTables(providers) };
}

function refuse(problem: unknown): never {
  throw new Error(JSON.stringify(problem));
}
