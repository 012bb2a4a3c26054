import { describe, expect, it } from '@jest/globals';
import type { Head } from '../../../../src/core/generation.js';
import { answerOf } from '../../../../src/transport/shared/answers.js';
import { answerText } from '../../../../src/transport/rest/stored-text.js';
import { chunkFixture, finishFixture, generationOf } from '../../../helpers/calls.js';

const headOf = (cache: Head['cache']): Head => generationOf([], { head: { cache } }).head;

describe('answerText', () => {
  it.each(['miss', 'hit'] as const)('is the answer as JSON, each with its own id: %s', (cache) => {
    const collected = { chunks: [chunkFixture('"quoted"')], finish: finishFixture() };
    for (const id of ['one', 'other "id"']) {
      const text = answerText(id, headOf(cache), collected);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(answerOf(id, headOf(cache), collected))));
    }
  });

  it('makes the text of a stored answer once, and of no other', () => {
    const finish = finishFixture();
    const textWith = (cache: Head['cache'], text: string) =>
      answerText('id', headOf(cache), { chunks: [chunkFixture(text)], finish });
    expect(textWith('hit', 'a')).toBe(textWith('hit', 'b'));
    expect(textWith('miss', 'a')).not.toBe(textWith('miss', 'b'));
    expect(textWith('stale', 'c')).not.toBe(textWith('hit', 'a'));
  });
});
