import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import {
  embeddingEvents,
  toEmbeddingsRequest,
} from '../../../../src/providers/openai-compatible/embeddings.mapper.js';
import { attemptFixture } from '../../../helpers/attempts.js';

const content = (...texts: string[]): JsonObject => ({ parts: texts.map((text) => ({ text })) });
const one = (request: JsonObject) => attemptFixture({ operation: 'embed', request });
const several = (...requests: JsonObject[]) =>
  attemptFixture({ operation: 'batch_embed', request: { requests } });
const answer = (...vectors: number[][]): string =>
  JSON.stringify({
    model: 'embed-1',
    data: vectors.map((embedding, index) => ({ index, embedding })).toReversed(),
    usage: { prompt_tokens: 3 },
  });

/** Fields at fault in themselves; all others are good, and only have no counterpart. */
const MISTAKES = new Set(['requests[1].outputDimensionality', 'requests[0].content.parts[0].text']);
const reasonOf = (field: string) => (MISTAKES.has(field) ? 'INVALID_REQUEST' : 'UNIMPLEMENTED');

describe('toEmbeddingsRequest', () => {
  it('asks for the vector of one content', () => {
    const request = { model: 'models/x', content: content('a', 'b'), outputDimensionality: 8 };
    expect(toEmbeddingsRequest(one(request))).toEqual({
      body: { model: 'some-model', input: ['ab'], encoding_format: 'float', dimensions: 8 },
      inputs: 1,
    });
  });

  it('asks for the vectors of several in one call', () => {
    expect(toEmbeddingsRequest(several({ content: content('a') }, { content: content('b') }))).toEqual({
      body: { model: 'some-model', input: ['a', 'b'], encoding_format: 'float' },
      inputs: 2,
    });
  });

  it.each([
    ['taskType', one({ content: content('a'), taskType: 'RETRIEVAL_QUERY' })],
    ['content.parts[0].inlineData', one({ content: { parts: [{ inlineData: {} }] } })],
    ['requests[1].title', several({ content: content('a') }, { content: content('b'), title: 'B' })],
    ['requests[1].outputDimensionality', several({ content: content('a') }, { outputDimensionality: 8 })],
    ['requests[0].content.parts[0].text', several({ content: { parts: [{}] } })],
  ])('refuses %s', (field, attempt) => {
    expect(() => toEmbeddingsRequest(attempt)).toThrow(
      expect.objectContaining({ reason: reasonOf(field), metadata: { field } }),
    );
  });
});

describe('embeddingEvents', () => {
  it('gives one vector for one content', () => {
    const [chunk, finish] = embeddingEvents(one({}), 1, answer([1, 2]));
    expect(chunk).toMatchObject({
      value: { embedding: { values: [1, 2] }, usageMetadata: { promptTokenCount: 3 } },
      usage: { inputTokens: 3, totalTokens: 3 },
    });
    expect(finish).toMatchObject({
      type: 'finish',
      verdict: 'ok',
      finishReason: 'STOP',
      modelVersion: 'embed-1',
    });
  });

  it('gives the vectors of several in the order of the requests', () => {
    const [chunk] = embeddingEvents(several(), 2, answer([1], [2]));
    expect(chunk).toMatchObject({ value: { embeddings: [{ values: [1] }, { values: [2] }] } });
  });

  it.each([answer(), answer([1], [2]), '{}', '{"data":[{"embedding":"x"}]}', 'no JSON'])(
    'fails with UPSTREAM_PROTOCOL for %s',
    (text) => {
      expect(() => embeddingEvents(one({}), 1, text)).toThrow(
        expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }),
      );
    },
  );
});
