import type { ConfigProblem } from '../core/config-snapshot.js';
import { mirrorProblems } from './mirror-check.js';
import type { ModelConfig } from './models.config.js';
import { EVERY_OTHER_MODEL, type ProjectConfig } from './projects.config.js';
import type { StructuredConfig } from './structured.config.js';
import type { CannedConfig, TaskConfig } from './tasks.config.js';
import type { TrafficSplitConfig } from './traffic-split.config.js';

interface Routing {
  readonly projects: readonly ProjectConfig[];
  readonly tasks: Readonly<Record<string, TaskConfig>>;
  readonly canned: Readonly<Record<string, CannedConfig>>;
}

/** Everything in projects and tasks that names what does not exist or cannot work. */
export function routingProblems(
  { projects, tasks, canned }: Routing,
  models: Readonly<Record<string, Pick<ModelConfig, 'prices'>>>,
): readonly ConfigProblem[] {
  const known = new Set(Object.keys(models));
  const served = new Set(projects.flatMap((project) => project.models ?? [...known]));
  const names = { known, served, canned: new Set(Object.keys(canned)), anyProject: projects.length > 0 };
  return [
    ...duplicates(projects),
    ...projects.flatMap((project, index) => projectProblems(project, `projects[${index}]`, known)),
    ...Object.entries(tasks).flatMap(([name, task]) => taskProblems(task, `tasks.${name}`, names)),
    ...Object.entries(tasks).flatMap(([name, { mirror, residency }]) =>
      mirror === undefined
        ? []
        : mirrorProblems(mirror, `tasks.${name}.mirror`, { projects, models, residency }),
    ),
    ...Object.entries(canned).flatMap(([name, answer]) =>
      (answer.text === undefined) === (answer.json === undefined)
        ? [{ path: `canned.${name}`, message: 'must have either text or json' }]
        : [],
    ),
  ];
}

function duplicates(projects: readonly ProjectConfig[]): ConfigProblem[] {
  const seen = new Set<string>();
  return projects.flatMap(({ id }, index) => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [{ path: `projects[${index}].id`, message: `"${id}" is the id of another project` }];
  });
}

function projectProblems(project: ProjectConfig, path: string, known: ReadonlySet<string>): ConfigProblem[] {
  const { credentials, provider } = project;
  const problems: ConfigProblem[] = [];
  const add = (field: string, message: string): void => {
    problems.push({ path: `${path}.${field}`, message });
  };
  const keys = credentials.apiKeys?.length ?? 0;
  switch (provider) {
    case 'gemini':
      if (keys === 0) add('credentials.apiKeys', 'must name at least one key');
      break;
    case 'vertex':
      if (project.project === undefined) add('project', 'must be set for vertex');
      if (credentials.adc === (credentials.serviceAccount !== undefined)) {
        add('credentials', 'must have either adc: true or serviceAccount');
      }
      break;
    case 'openai-compatible':
      if (project.baseUrl === undefined) add('baseUrl', 'must be set for openai-compatible');
      if (keys === 0) add('credentials.apiKeys', 'must name at least one key');
      break;
  }
  for (const [index, model] of (project.models ?? []).entries()) {
    if (!known.has(model)) add(`models[${index}]`, `"${model}" is not in models`);
  }
  problems.push(...limitProblems(project, path, known));
  for (const model of Object.keys(project.modelNames ?? {})) {
    if (!known.has(model)) add(`modelNames.${model}`, 'is not in models');
  }
  return problems;
}

/** Limits of models that the project does not serve, and models that its limits leave out: neither is silence. */
function limitProblems(
  { limits, models = [] }: ProjectConfig,
  path: string,
  known: ReadonlySet<string>,
): readonly ConfigProblem[] {
  if (limits === undefined) return [];
  const served = new Set(models.length > 0 ? models : known);
  const odd = Object.keys(limits)
    .filter((model) => model !== EVERY_OTHER_MODEL && !served.has(model))
    .map((model) => ({ path: `${path}.limits.${model}`, message: 'the project does not serve it' }));
  if (Object.hasOwn(limits, EVERY_OTHER_MODEL)) return odd;
  const left = [...served].filter((model) => !Object.hasOwn(limits, model));
  return left.length === 0
    ? odd
    : [
        ...odd,
        {
          path: `${path}.limits`,
          message: `leaves out ${left.join(', ')}; name each, or all others as "${EVERY_OTHER_MODEL}"`,
        },
      ];
}

interface Names {
  readonly known: ReadonlySet<string>;
  readonly served: ReadonlySet<string>;
  readonly canned: ReadonlySet<string>;
  readonly anyProject: boolean;
}

function taskProblems(task: TaskConfig, path: string, names: Names): ConfigProblem[] {
  const problems = task.models.flatMap((model, index) =>
    modelProblem(model, `${path}.models[${index}]`, names),
  );
  for (const [index, { model, canned }] of task.fallback.entries()) {
    const at = `${path}.fallback[${index}]`;
    if ((model === undefined) === (canned === undefined)) {
      problems.push({ path: at, message: 'must have either model or canned' });
    }
    if (model !== undefined) problems.push(...modelProblem(model, `${at}.model`, names));
    if (canned !== undefined && !names.canned.has(canned)) {
      problems.push({ path: `${at}.canned`, message: `"${canned}" is not in canned` });
    }
  }
  return [
    ...problems,
    ...splitProblems(task.split, `${path}.split`, names),
    ...structuredProblems(task.structured, `${path}.structured`, names),
  ];
}

function structuredProblems(
  { onMismatch, default: value, model }: StructuredConfig,
  path: string,
  names: Names,
): readonly ConfigProblem[] {
  const missing = (field: string): ConfigProblem => ({
    path: `${path}.${field}`,
    message: `must be set for onMismatch: ${field}`,
  });
  return [
    ...(onMismatch === 'default' && value === undefined ? [missing('default')] : []),
    ...(onMismatch === 'model' && model === undefined ? [missing('model')] : []),
    ...(model === undefined ? [] : modelProblem(model, `${path}.model`, names)),
  ];
}

function splitProblems(
  split: TrafficSplitConfig | undefined,
  path: string,
  names: Names,
): readonly ConfigProblem[] {
  if (split === undefined) return [];
  const problems = split.shares.flatMap(({ model }, index) =>
    modelProblem(model, `${path}.shares[${index}].model`, names),
  );
  const total = split.shares.reduce((sum, { percent }) => sum + percent, 0);
  return total > 100
    ? [...problems, { path: `${path}.shares`, message: `add up to ${total} percent; at most 100` }]
    : problems;
}

function modelProblem(model: string, path: string, names: Names): ConfigProblem[] {
  if (!names.known.has(model)) return [{ path, message: `"${model}" is not in models` }];
  // Without any project the start-up chooses the upstream, which then serves every model.
  if (names.anyProject && !names.served.has(model))
    return [{ path, message: `no project serves "${model}"` }];
  return [];
}
