import type { JsonObject, JsonValue } from '../../core/json.js';
import type { AskedModel } from '../shared/asked-models.js';
import {
  assertFields,
  type FieldRules,
  integerAt,
  invalid,
  mapped,
  objectAt,
  present,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { toThinking } from '../shared/thinking.mapper.js';

const TYPES = ['enabled', 'disabled', 'adaptive'] as const;
const THINKING_FIELDS = {
  enabled: mapped('type', 'budget_tokens', 'display'),
  disabled: mapped('type'),
  adaptive: mapped('type', 'display'),
} as const satisfies Record<(typeof TYPES)[number], FieldRules>;

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
const BUDGET = 'thinking.budget_tokens';

/** Anthropic's own bound. */
const LEAST_BUDGET = 1_024;
/** The most that every model with budgets takes; what is more is cut, as a budget is the most that may be used. */
const MOST_BUDGET = 24_576;
/** Budgets up to these are the level, as Google's table of levels and budgets has them the other way round. */
const LEVELS = [
  [1_024, 'low'],
  [8_192, 'medium'],
  [Infinity, 'high'],
] as const;

/**
 * `thinking` and `output_config.effort` as `thinkingConfig`; undefined where the model thinks as it does by itself.
 * Throws INVALID_REQUEST where they contradict each other, or no setting suits all models that may answer.
 */
export function toThinkingConfig(
  body: JsonObject,
  effort: JsonValue | undefined,
  models: readonly AskedModel[],
): JsonObject | undefined {
  const level = effort === undefined ? undefined : wordAt(effort, 'output_config.effort', EFFORTS);
  const leveled = level === undefined ? {} : toThinking(level, 'output_config.effort', models);
  const given = present(body['thinking']);
  if (given === undefined) return level === undefined ? undefined : leveled;
  const thinking = objectAt(given, 'thinking');
  if (thinking['type'] === 'between_tools')
    throw unsupported('thinking.type', 'the model thinks where it wants to');
  const type = wordAt(thinking['type'], 'thinking.type', TYPES);
  assertFields(thinking, THINKING_FIELDS[type], 'thinking');
  if (type === 'adaptive') return { ...leveled, ...displayOf(thinking) };
  if (level !== undefined)
    throw invalid('output_config.effort', `must not stand beside "thinking" of the type "${type}"`);
  if (type === 'disabled') return toThinking('none', 'thinking', models);
  return { ...budgetOf(thinking, body, models), ...displayOf(thinking) };
}

/** A budget, or a level where a model takes no budget. */
function budgetOf(thinking: JsonObject, body: JsonObject, models: readonly AskedModel[]): JsonObject {
  const tokens = integerAt(thinking['budget_tokens'], BUDGET, LEAST_BUDGET);
  const most = present(body['max_tokens']);
  if (typeof most === 'number' && tokens >= most) throw invalid(BUDGET, 'must be less than "max_tokens"');
  if (models.every(({ thinkingBudget }) => thinkingBudget))
    return { thinkingBudget: Math.min(tokens, MOST_BUDGET) };
  const [, level] = LEVELS.find(([up]) => tokens <= up) ?? LEVELS[2];
  return toThinking(level, BUDGET, models);
}

function displayOf(thinking: JsonObject): JsonObject {
  const display = present(thinking['display']);
  const shown =
    display === undefined || wordAt(display, 'thinking.display', ['summarized', 'omitted'] as const);
  return shown === 'omitted' ? {} : { includeThoughts: true };
}
