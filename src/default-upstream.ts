import type { Environment } from './config/env-layer.js';
import type { ConfigSnapshot } from './core/config-snapshot.js';
import { EMULATOR_PROJECT } from './routing/target.js';
import { RoutingConfig } from './routing/routing.config.js';

/** What answers calls when no project is configured. */
export interface DefaultUpstream {
  /** Configuration values below every file. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Variables that those values refer to. */
  readonly environment: Environment;
  /** For operators, one sentence. */
  readonly notice: string;
  close(): Promise<void>;
}

/**
 * Google by `GEMINI_API_KEY` where it is set, else the emulator within the process; undefined where projects are
 * configured.
 */
export async function defaultUpstream(
  snapshot: ConfigSnapshot,
  environment: Environment,
): Promise<DefaultUpstream | undefined> {
  if (snapshot.get(RoutingConfig).projects.length > 0) return undefined;
  if (environment['GEMINI_API_KEY']) {
    return {
      defaults: { projects: [projectWithKey('gemini', 'env:GEMINI_API_KEY')] },
      environment: {},
      notice: 'No project is configured: calls go to Google with GEMINI_API_KEY.',
      close: () => Promise.resolve(),
    };
  }
  const { startEmulator } = await import('./emulator/emulator.js');
  const emulator = await startEmulator();
  const project = { ...projectWithKey(EMULATOR_PROJECT, 'env:GATEWAY_EMULATOR_KEY'), baseUrl: emulator.url };
  return {
    defaults: { projects: [project] },
    environment: { GATEWAY_EMULATOR_KEY: 'emulator' },
    notice: `No project is configured and GEMINI_API_KEY is not set: answers are made up by the built-in emulator (${emulator.url}), not by Google.`,
    close: () => emulator.close(),
  };
}

function projectWithKey(id: string, secret: string) {
  return { id, provider: 'gemini', credentials: { apiKeys: [{ secret }] } };
}
