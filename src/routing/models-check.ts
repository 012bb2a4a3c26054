import { childPath, fieldPath } from '../config/config-path.js';
import type { ConfigProblem } from '../core/config-snapshot.js';
import { MODALITIES } from './capabilities.js';
import type { PriceRowConfig } from './prices.config.js';

/** The fields of a model that name something. */
interface CheckedModel {
  readonly shutdown?: string;
  readonly reroutesTo?: string;
  readonly prices: readonly PriceRowConfig[];
}

/** Everything in the models that names what does not exist, and price rows that no call can meet. */
export function modelProblems(models: Readonly<Record<string, CheckedModel>>): ConfigProblem[] {
  return Object.entries(models).flatMap(([name, model]) => {
    const path = fieldPath('models', name);
    const problems = model.prices.flatMap((row, index) =>
      rowProblems(row, fieldPath('models', name, 'prices', index)),
    );
    if (model.reroutesTo !== undefined && models[model.reroutesTo] === undefined)
      problems.push({ path: `${path}.reroutesTo`, message: `"${model.reroutesTo}" is not in models` });
    if (model.reroutesTo !== undefined && model.shutdown === undefined)
      problems.push({ path: `${path}.reroutesTo`, message: 'needs the day of the shutdown' });
    return problems;
  });
}

function rowProblems(row: PriceRowConfig, path: string): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (row.from !== undefined && row.until !== undefined && row.from > row.until)
    problems.push({ path: `${path}.until`, message: 'is before from' });
  if (row.upToPromptTokens !== undefined && row.abovePromptTokens !== undefined)
    problems.push({ path, message: 'must have upToPromptTokens or abovePromptTokens, not both' });
  for (const field of ['inputByModality', 'cachedByModality', 'outputByModality'] as const)
    for (const modality of Object.keys(row[field]))
      if (!MODALITIES.some((known) => known === modality))
        problems.push({
          path: childPath(`${path}.${field}`, modality),
          message: `is none of ${MODALITIES.join(', ')}`,
        });
  return problems;
}
