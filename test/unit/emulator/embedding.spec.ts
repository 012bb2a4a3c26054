import { describe, expect, it } from '@jest/globals';
import { embeddingOf } from '../../../src/emulator/embedding.js';

const vector = (text: string, dimensions = 768): number[] => embeddingOf({ parts: [{ text }] }, dimensions);
const near = (a: string, b: string): number =>
  vector(a).reduce((sum, value, index) => sum + value * (vector(b)[index] ?? 0), 0);

describe('embeddingOf', () => {
  it('puts similar texts nearer than others', () => {
    const close = near('How do I reset my password?', 'how can I reset the password');
    const far = near('How do I reset my password?', 'The volcano erupted at dawn');
    expect(close).toBeGreaterThan(0.6);
    expect(far).toBeLessThan(0.3);
    expect(near('walking dogs', 'walked dog')).toBeGreaterThan(near('walking dogs', 'blue sky'));
  });

  it.each([3072, 768, 1])('is a unit vector of %i numbers', (dimensions) => {
    const values = vector('Some text to embed', dimensions);
    expect(values).toHaveLength(dimensions);
    expect(Math.hypot(...values)).toBeCloseTo(1, 5);
  });

  it('tells pictures apart, and takes a content without parts', () => {
    const picture = (data: string): number[] =>
      embeddingOf({ parts: [{ inlineData: { mimeType: 'image/png', data } }] }, 64);
    expect(picture('AAAA')).not.toEqual(picture('BBBB'));
    expect(embeddingOf({}, 2)).toEqual([0, 0]);
  });
});
