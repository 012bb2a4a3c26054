import { AuthConfig } from './auth/auth.config.js';
import { ConfigError } from './config/config-error.js';
import type { Environment } from './config/env-layer.js';
import type { ConfigProblem, ConfigSnapshot } from './core/config-snapshot.js';
import { RoutingConfig } from './routing/routing.config.js';

/**
 * Refuses what helps at a first trial and must not happen in production: made-up answers and a made-up key. Throws
 * a ConfigError with everything that is missing.
 */
export function assertFitForProduction(snapshot: ConfigSnapshot, environment: Environment): void {
  const problems: ConfigProblem[] = [];
  if (snapshot.get(RoutingConfig).projects.length === 0 && !environment['GEMINI_API_KEY']) {
    const message = 'must name at least one project in production (or set GEMINI_API_KEY)';
    problems.push({ path: 'projects', message });
  }
  const { keys, bootstrapKey } = snapshot.get(AuthConfig);
  if (keys.length === 0 && bootstrapKey === undefined) {
    const message = 'must name at least one key in production (or set GATEWAY_BOOTSTRAP_KEY)';
    problems.push({ path: 'auth.keys', message });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
