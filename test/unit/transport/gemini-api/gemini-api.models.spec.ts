import { describe, expect, it } from '@jest/globals';
import type { CatalogModel } from '../../../../src/routing/model-catalog.js';
import { modelPage, modelResource } from '../../../../src/transport/gemini-api/gemini-api.models.js';

const model = (id: string, more: Partial<CatalogModel> = {}): CatalogModel => ({
  id,
  status: 'ga',
  contextTokens: 100,
  maxOutputTokens: 10,
  inputModalities: ['text'],
  outputModalities: ['text'],
  projects: ['p'],
  ...more,
});
const models = ['a', 'b', 'c'].map((id) => model(id));

function page(pageSize?: unknown, pageToken?: unknown) {
  const { models: found, nextPageToken } = modelPage(models, pageSize, pageToken);
  return [(found as { baseModelId: string }[]).map(({ baseModelId }) => baseModelId).join(''), nextPageToken];
}

describe('modelResource', () => {
  it('names a model and its limits as Google does', () => {
    expect(modelResource(model('m'))).toMatchObject({
      name: 'models/m',
      inputTokenLimit: 100,
      outputTokenLimit: 10,
      supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
    });
    expect(modelResource(model('e', { outputModalities: [] }))['supportedGenerationMethods']).toContain(
      'embedContent',
    );
  });
});

describe('modelPage', () => {
  it.each([
    [undefined, undefined, 'abc', undefined],
    ['2', undefined, 'ab', '2'],
    ['2', '2', 'c', undefined],
    ['1', '1', 'b', '2'],
    ['3', undefined, 'abc', undefined],
    ['0', undefined, 'abc', undefined],
    ['-5', undefined, 'a', '1'],
    ['odd', 'odd', 'abc', undefined],
    ['99999999999', '-7', 'abc', undefined],
    ['1', '7', '', undefined],
    [['1'], undefined, 'a', '1'],
  ])('of size %p from %p has %s', (pageSize, pageToken, found, next) => {
    expect(page(pageSize, pageToken)).toEqual([found, next]);
  });

  it('holds fifty where no size is asked for, and a thousand at most', () => {
    const many = Array.from({ length: 1_500 }, (_, at) => model(`m${at}`));
    expect(modelPage(many, undefined, undefined)['models']).toHaveLength(50);
    expect(modelPage(many, '1200', undefined)).toMatchObject({ nextPageToken: '1000' });
  });
});
