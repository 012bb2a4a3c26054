import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { asked, messageRequest, refusalOf } from './fixtures.js';

const OLD = asked('gemini-2.5-flash');
const OLD_PRO = asked('gemini-2.5-pro');
const NO_BUDGETS = asked('gemini-3.9-flash', { thinkingBudget: false, thinkingLevels: ['LOW', 'HIGH'] });

const thinkingOf = (fields: JsonObject, models?: Parameters<typeof messageRequest>[1]): unknown =>
  messageRequest({ max_tokens: 50_000, ...fields }, models).generationConfig?.thinkingConfig;
const enabled = (budget_tokens: number, more: JsonObject = {}): JsonObject => ({
  thinking: { type: 'enabled', budget_tokens, ...more },
});
const fieldOf = (fields: JsonObject): string | undefined => refusalOf(() => thinkingOf(fields)).field;

describe('thinking', () => {
  it('is the model’s own where nothing is said', () => {
    expect(thinkingOf({})).toBeUndefined();
    expect(thinkingOf({ output_config: {} })).toBeUndefined();
    expect(thinkingOf({ thinking: { type: 'adaptive', display: 'omitted' } })).toBeUndefined();
  });

  it.each([
    ['low', { thinkingLevel: 'LOW' }, { thinkingBudget: 1_024 }],
    ['medium', { thinkingLevel: 'MEDIUM' }, { thinkingBudget: 8_192 }],
    ['high', { thinkingLevel: 'HIGH' }, { thinkingBudget: 24_576 }],
    ['xhigh', { thinkingLevel: 'HIGH' }, { thinkingBudget: 24_576 }],
    ['max', { thinkingLevel: 'HIGH' }, { thinkingBudget: 24_576 }],
  ])('has the effort %s as a level, or as a budget of older models', (effort, level, budget) => {
    expect(thinkingOf({ output_config: { effort } })).toEqual(level);
    expect(thinkingOf({ output_config: { effort } }, [OLD])).toEqual(budget);
    expect(thinkingOf({ output_config: { effort }, thinking: { type: 'adaptive' } })).toEqual({
      ...level,
      includeThoughts: true,
    });
  });

  it('has a budget where all models take one, cut where none takes so much', () => {
    expect(thinkingOf(enabled(2_000))).toEqual({ thinkingBudget: 2_000, includeThoughts: true });
    expect(thinkingOf(enabled(40_000, { display: 'summarized' }))).toEqual({
      thinkingBudget: 24_576,
      includeThoughts: true,
    });
    expect(thinkingOf(enabled(2_000, { display: 'omitted' }))).toEqual({ thinkingBudget: 2_000 });
  });

  it.each([
    [1_024, 'LOW'],
    [1_025, 'HIGH'],
    [8_193, 'HIGH'],
  ])('has %i tokens as %s where a model takes no budget', (tokens, thinkingLevel) => {
    expect(thinkingOf(enabled(tokens), [NO_BUDGETS])).toEqual({ thinkingLevel, includeThoughts: true });
  });

  it('is as little as can be where it is disabled', () => {
    const thinking = { type: 'disabled' };
    expect(thinkingOf({ thinking })).toEqual({ thinkingLevel: 'LOW' });
    expect(thinkingOf({ thinking }, [OLD])).toEqual({ thinkingBudget: 0 });
    expect(thinkingOf({ thinking }, [OLD_PRO])).toEqual({ thinkingBudget: 128 });
  });

  it.each<[JsonObject, string]>([
    [{ thinking: 'yes' }, 'thinking'],
    [{ thinking: {} }, 'thinking.type'],
    [{ thinking: { type: 'between_tools' } }, 'thinking.type'],
    [{ thinking: { type: 'enabled' } }, 'thinking.budget_tokens'],
    [enabled(1_023), 'thinking.budget_tokens'],
    [{ ...enabled(2_000), max_tokens: 2_000 }, 'thinking.budget_tokens'],
    [enabled(2_000, { display: 'loud' }), 'thinking.display'],
    [{ thinking: { type: 'disabled', display: 'omitted' } }, 'thinking.display'],
    [{ thinking: { type: 'adaptive', budget_tokens: 2_000 } }, 'thinking.budget_tokens'],
    [{ output_config: { effort: 'none' } }, 'output_config.effort'],
    [{ ...enabled(2_000), output_config: { effort: 'low' } }, 'output_config.effort'],
    [{ thinking: { type: 'disabled' }, output_config: { effort: 'low' } }, 'output_config.effort'],
  ])('is refused: %j', (fields, field) => {
    expect(fieldOf(fields)).toBe(field);
  });
});
