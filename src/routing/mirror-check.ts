import type { ConfigProblem } from '../core/config-snapshot.js';
import type { MirrorConfig } from './mirror.config.js';
import type { PriceRowConfig } from './prices.config.js';

/** What the configuration has, as far as a mirror names it. */
export interface MirrorSurroundings {
  readonly projects: readonly {
    readonly id: string;
    readonly models?: readonly string[];
    readonly residency?: string;
  }[];
  readonly models: Readonly<Record<string, { readonly prices: readonly PriceRowConfig[] }>>;
  /** Where the task's data may go; anywhere when undefined. */
  readonly residency: string | undefined;
}

/** Everything in a task's mirror (at `path`) that names what does not exist, may not be used or has no price. */
export function mirrorProblems(
  { model, project }: MirrorConfig,
  path: string,
  { projects, models, residency }: MirrorSurroundings,
): ConfigProblem[] {
  const known = Object.hasOwn(models, model) ? models[model] : undefined;
  if (known === undefined) return [{ path: `${path}.model`, message: `"${model}" is not in models` }];
  const problems: ConfigProblem[] = [];
  if (!known.prices.some(({ tier, output }) => tier === 'standard' && output !== undefined))
    problems.push({
      path: `${path}.model`,
      message: `"${model}" has no standard price for its output, so its cost cannot be kept within maxUsdPerDay`,
    });
  const named = project === undefined ? projects : projects.filter(({ id }) => id === project);
  const serving = named.filter((each) => each.models?.includes(model) ?? true);
  const allowed = serving.filter((each) => residency === undefined || each.residency === residency);
  // Without any project the gateway brings its own, which serves every model.
  if (allowed.length > 0 || (projects.length === 0 && project === undefined)) return problems;
  const field = project === undefined ? 'model' : 'project';
  const who = project === undefined ? 'no project' : `"${project}"`;
  const message =
    named.length === 0
      ? `${who} is not in projects`
      : serving.length === 0
        ? `${who} ${project === undefined ? 'serves' : 'does not serve'} "${model}"`
        : `${who} ${project === undefined ? 'that serves it has' : 'has not'} the residency "${residency}"`;
  return [...problems, { path: `${path}.${field}`, message }];
}
