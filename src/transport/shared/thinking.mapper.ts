import type { JsonObject, JsonValue } from '../../core/json.js';
import { type AskedModel, takesBudgetsOnly } from './asked-models.js';
import { unsupported, wordAt } from './request-fields.js';

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
type Effort = (typeof EFFORTS)[number];

const LEVELS = ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] as const;
type Level = (typeof LEVELS)[number];

const LEVEL = {
  none: 'MINIMAL',
  minimal: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  xhigh: 'HIGH',
  max: 'HIGH',
} as const satisfies Record<Effort, Level>;

/** Tokens, as Google's own OpenAI endpoint has them (ai.google.dev/gemini-api/docs/openai, 2026-11). */
const BUDGET = {
  none: 0,
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576,
} as const satisfies Record<Effort, number>;

/** Least budget of the models that cannot do without thinking. */
const LEAST_PRO_BUDGET = 128;

/** What every model takes of which nothing else is known. */
const SURE_LEVELS: readonly string[] = ['LOW', 'MEDIUM', 'HIGH'];

/**
 * `thinkingConfig` for an effort: a level that all models that may answer accept, the nearest one above where they
 * accept no such level, or a budget where one of them knows no levels. Throws INVALID_REQUEST where the models
 * have no such setting in common.
 */
export function toThinking(value: JsonValue, path: string, models: readonly AskedModel[]): JsonObject {
  const effort = wordAt(value, path, EFFORTS);
  if (models.some(({ id }) => takesBudgetsOnly(id))) {
    const without = models.find(({ thinkingBudget }) => !thinkingBudget);
    if (without !== undefined)
      throw unsupported(
        path,
        `${without.id} takes no budget of thinking, and another model of the task nothing else`,
      );
    const least = effort === 'none' && models.some(({ id }) => id.includes('-pro')) ? LEAST_PRO_BUDGET : 0;
    return { thinkingBudget: Math.max(BUDGET[effort], least) };
  }
  const wanted = LEVELS.indexOf(LEVEL[effort]);
  const common = LEVELS.filter((level) => models.every((model) => accepts(model, level)));
  const level = common.find((level) => LEVELS.indexOf(level) >= wanted) ?? common.at(-1);
  if (level === undefined)
    throw unsupported(path, 'the models of the task have no level of thinking in common');
  return { thinkingLevel: level };
}

function accepts({ thinkingLevels }: AskedModel, level: string): boolean {
  return (thinkingLevels.length === 0 ? SURE_LEVELS : thinkingLevels).includes(level);
}
