import { describe, expect, it } from '@jest/globals';
import { bindSection } from '../../../src/config/bind-section.js';
import type { ConfigProblem } from '../../../src/core/config-snapshot.js';
import { modelProblems } from '../../../src/routing/models-check.js';
import { ModelsConfig } from '../../../src/routing/models.config.js';

function check(models: Record<string, unknown>): ConfigProblem[] {
  const section = bindSection(ModelsConfig, { models }, '', (problem) => {
    throw new Error(JSON.stringify(problem));
  });
  return modelProblems(section.models);
}

describe('modelProblems', () => {
  it('finds nothing wrong with a model that names only what exists', () => {
    const prices = [{ input: 1, from: '2026-01-01', until: '2026-01-01', inputByModality: { audio: 2 } }];
    expect(check({ a: { reroutesTo: 'b', shutdown: '2026-12-01' }, b: { prices } })).toEqual([]);
  });

  it.each([
    [{ reroutesTo: 'c', shutdown: '2026-12-01' }, 'models.a.reroutesTo', '"c" is not in models'],
    [{ reroutesTo: 'b' }, 'models.a.reroutesTo', 'needs the day of the shutdown'],
    [
      { prices: [{ input: 1, from: '2026-02-01', until: '2026-01-31' }] },
      'models.a.prices[0].until',
      'is before from',
    ],
    [
      { prices: [{ input: 1, upToPromptTokens: 5, abovePromptTokens: 5 }] },
      'models.a.prices[0]',
      'must have upToPromptTokens or abovePromptTokens, not both',
    ],
    [
      { prices: [{ input: 1, outputByModality: { IMAGE: 1 } }] },
      'models.a.prices[0].outputByModality.IMAGE',
      'is none of text, image, audio, video, pdf',
    ],
  ])('%j', (model, path, message) => {
    expect(check({ a: model, b: {} })).toEqual([{ path, message }]);
  });
});
