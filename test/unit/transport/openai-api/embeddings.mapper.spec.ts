import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import {
  embeddingList,
  encodingOf,
  toEmbedRequest,
} from '../../../../src/transport/openai-api/embeddings.mapper.js';
import { finishFixture, usageFixture } from '../../../helpers/calls.js';
import { refusalOf } from './fixtures.js';

const embedding = (...vectors: number[][]) => ({
  chunks: [{ type: 'chunk' as const, value: { embeddings: vectors.map((values) => ({ values })) } }],
  finish: finishFixture({ usage: usageFixture(7, 0) }),
});

describe('toEmbedRequest', () => {
  it('is one request for each text, with its length and Gemini’s own fields', () => {
    expect(toEmbedRequest({ model: 'm', input: 'one' })).toEqual({
      requests: [{ content: { parts: [{ text: 'one' }] } }],
    });
    expect(
      toEmbedRequest({
        model: 'm',
        input: ['one', 'two'],
        dimensions: 8,
        user: 'ann',
        encoding_format: 'base64',
        google: { task_type: 'CLUSTERING' },
      }),
    ).toEqual({
      requests: ['one', 'two'].map((text) => ({
        content: { parts: [{ text }] },
        outputDimensionality: 8,
        taskType: 'CLUSTERING',
      })),
    });
  });

  it.each<[JsonObject, string]>([
    [{}, 'input'],
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ['a', ''] }, 'input[1]'],
    [{ input: ['a', 7] }, 'input[1]'],
    [{ input: [1, 2, 3] }, 'input'],
    [{ input: [[1, 2], [3]] }, 'input'],
    [{ input: { text: 'x' } }, 'input'],
    [{ input: Array.from({ length: 101 }, () => 'x') }, 'input'],
    [{ input: 'x', dimensions: 0 }, 'dimensions'],
    [{ input: 'x', dimensions: 1.5 }, 'dimensions'],
    [{ input: 'x', encoding_format: 'hex' }, 'encoding_format'],
    [{ input: 'x', truncate: true }, 'truncate'],
  ])('refuses %j', (body, param) => {
    expect(refusalOf(() => toEmbedRequest(body)).param).toBe(param);
  });
});

describe('embeddingList', () => {
  it('has the vectors in their order, and the tokens', () => {
    expect(embeddingList(embedding([0.5, -1], [0.25, 2]), 'gemini-embedding-001', 'float')).toEqual({
      object: 'list',
      model: 'gemini-embedding-001',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, -1] },
        { object: 'embedding', index: 1, embedding: [0.25, 2] },
      ],
      usage: { prompt_tokens: 7, total_tokens: 7 },
    });
  });

  it('writes them as 32-bit floats that clients read back', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true })), (values) => {
        const { data } = embeddingList(embedding(values), 'm', 'base64');
        const [{ embedding: text }] = data as [{ embedding: string }];
        const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
        expect([...new Float32Array(bytes.buffer)]).toEqual([...Float32Array.from(values)]);
      }),
    );
  });

  it('is empty for an answer without vectors', () => {
    const finish = finishFixture();
    for (const value of [{}, { embeddings: 'none' as JsonValue }])
      expect(embeddingList({ chunks: [{ type: 'chunk', value }], finish }, 'm', 'float')['data']).toEqual([]);
  });
});

it('numbers are the usual encoding', () => {
  expect([
    encodingOf({}),
    encodingOf({ encoding_format: null }),
    encodingOf({ encoding_format: 'base64' }),
  ]).toEqual(['float', 'float', 'base64']);
});
