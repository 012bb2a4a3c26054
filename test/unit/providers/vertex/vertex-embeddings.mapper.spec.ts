import { describe, expect, it } from '@jest/globals';
import {
  fromPredictions,
  toInstances,
  usesPredict,
} from '../../../../src/providers/vertex/vertex-embeddings.mapper.js';
import { attemptFixture } from '../../../helpers/attempts.js';

const one = {
  content: { parts: [{ text: 'a' }, { inlineData: {} }, { text: 'b' }] },
  taskType: 'RETRIEVAL_QUERY',
  title: 'T',
  outputDimensionality: 8,
};

describe('embeddings on Vertex', () => {
  it.each([
    ['gemini-embedding-001', true],
    ['text-embedding-005', true],
    ['multilingual-e5-large', true],
    ['gemini-embedding-2', false],
  ])('%s is served by :predict: %p', (model, expected) => {
    expect(usesPredict(model)).toBe(expected);
  });

  it('makes an instance of each request', () => {
    const instance = { content: 'ab', task_type: 'RETRIEVAL_QUERY', title: 'T' };
    const parameters = { outputDimensionality: 8 };
    expect(toInstances(attemptFixture({ operation: 'embed', request: one }))).toEqual({
      instances: [instance],
      parameters,
    });
    const request = { requests: [one, { content: { parts: [{ text: 'c' }] } }] };
    expect(toInstances(attemptFixture({ operation: 'batch_embed', request }))).toEqual({
      instances: [instance, { content: 'c' }],
      parameters,
    });
    expect(toInstances(attemptFixture({ operation: 'embed', request: {} }))).toEqual({
      instances: [{ content: '' }],
    });
  });

  it('makes the Developer API’s answer of predictions, with all tokens', () => {
    const predictions = [
      { embeddings: { values: [1, 2], statistics: { token_count: 3 } } },
      { embeddings: { values: [3], statistics: { token_count: 4 } } },
    ];
    expect(fromPredictions(attemptFixture({ operation: 'batch_embed' }), { predictions })).toEqual({
      embeddings: [{ values: [1, 2] }, { values: [3] }],
      usageMetadata: { promptTokenCount: 7 },
    });
    expect(
      fromPredictions(attemptFixture({ operation: 'embed' }), { predictions: predictions.slice(0, 1) }),
    ).toEqual({ embedding: { values: [1, 2] }, usageMetadata: { promptTokenCount: 3 } });
  });

  it('bears predictions that are none', () => {
    expect(fromPredictions(attemptFixture({ operation: 'embed' }), { predictions: [] })).toEqual({
      embedding: { values: [] },
      usageMetadata: { promptTokenCount: 0 },
    });
    expect(
      fromPredictions(attemptFixture({ operation: 'batch_embed' }), {
        predictions: [{}, { embeddings: {} }],
      }),
    ).toEqual({ embeddings: [{ values: [] }, { values: [] }], usageMetadata: { promptTokenCount: 0 } });
  });
});
