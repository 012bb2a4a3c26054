import type { ConfigProblem } from '../core/config-snapshot.js';

/** A configuration that cannot take effect, with everything that is wrong about it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super([`The configuration is not valid (${count}):`, ...problems.map(problemLine)].join('\n'));
  }
}

function problemLine({ path, message, source }: ConfigProblem): string {
  const where = path === '' ? '' : `${path}: `;
  return `  ${where}${message}${source === undefined ? '' : ` (${source})`}`;
}
