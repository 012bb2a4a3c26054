import type { GenerationConfig } from '../core/gemini-wire.js';
import type { EmulatedModel } from './models.js';

/** The thinking before an answer. */
export interface Thinking {
  readonly tokens: number;
  /** Told to the caller when `includeThoughts` asks for it. */
  readonly summary?: string;
}

const TOKENS_BY_LEVEL: Readonly<Record<string, number>> = { MINIMAL: 0, LOW: 16, MEDIUM: 48, HIGH: 128 };

/** How long the model thinks: by level or budget, never more than half of `limitTokens`. */
export function thinkingOf(
  model: EmulatedModel | undefined,
  config: GenerationConfig,
  hash: number,
  limitTokens: number,
): Thinking {
  if (model === undefined || model.thinkingLevels.length === 0) return { tokens: 0 };
  const { thinkingBudget, thinkingLevel, includeThoughts } = config.thinkingConfig ?? {};
  const level = typeof thinkingLevel === 'string' ? thinkingLevel.toUpperCase() : 'MEDIUM';
  const base = TOKENS_BY_LEVEL[level] ?? TOKENS_BY_LEVEL.MEDIUM ?? 0;
  const wanted = base === 0 ? 0 : base + (hash % 8);
  const budget = typeof thinkingBudget === 'number' && thinkingBudget >= 0 ? thinkingBudget : Infinity;
  const tokens = Math.min(wanted, budget, Math.floor(limitTokens / 2));
  return includeThoughts === true && tokens > 0
    ? { tokens, summary: '**Considering the question**\n\nThe question is read again before it is answered.' }
    : { tokens };
}

/** Google's sentence about a thinking setting that the model refuses, or undefined. */
export function thinkingFault(model: EmulatedModel, config: GenerationConfig): string | undefined {
  const { thinkingBudget, thinkingLevel } = config.thinkingConfig ?? {};
  if (thinkingBudget !== undefined && thinkingLevel !== undefined)
    return 'You can only set only one of thinking budget and thinking level.';
  if (thinkingBudget !== undefined && !model.thinkingBudget)
    return 'Thinking budget is not supported for this model.';
  if (typeof thinkingLevel !== 'string' || thinkingLevel === 'THINKING_LEVEL_UNSPECIFIED') return undefined;
  return model.thinkingLevels.includes(thinkingLevel.toUpperCase())
    ? undefined
    : `Thinking level ${thinkingLevel.toUpperCase()} is not supported for this model.`;
}
