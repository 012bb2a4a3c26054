import { describe, expect, it } from '@jest/globals';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { ChunkEvent, FinishEvent } from '../../../../src/core/generation.js';
import { answerOf, assertAnswered, deltasOf, vectorsOf } from '../../../../src/transport/shared/answers.js';
import { finishFixture, generationOf, usageFixture } from '../../../helpers/calls.js';

const { head } = generationOf([]);
const chunk = (...parts: Part[]): ChunkEvent => ({
  type: 'chunk',
  value: { candidates: [{ content: { parts } }] },
});
const answer = (chunks: ChunkEvent[], finish: FinishEvent = finishFixture()) =>
  answerOf('r-1', head, { chunks, finish });

describe('answerOf', () => {
  it('has visible text, all parts and where it came from, and nothing that does not apply', () => {
    const parts = [{ text: 'hm', thought: true }, { text: 'Hel' }, { text: 'lo', thoughtSignature: 's' }];
    const finish = finishFixture({ modelVersion: 'm-001' });
    expect(answer([chunk(...parts)], finish)).toEqual({
      id: 'r-1',
      model: head.model,
      modelVersion: 'm-001',
      text: 'Hello',
      parts,
      finishReason: 'STOP',
      usage: finish.usage,
      route: { target: `${head.project}/${head.model}`, attempts: 1, fallback: false },
      cache: 'bypass',
    });
  });

  it('shows function calls', () => {
    const functionCall = { name: 'f', args: { a: 1 } };
    const found = answer([chunk({ functionCall })]);
    expect(found.toolCalls).toEqual([functionCall]);
    expect(found).not.toHaveProperty('text');
  });

  it('has the document and how it came about, and warns where it is none or a wrong one', () => {
    const report = {
      valid: true,
      repaired: true,
      reasked: false,
      relaxed: [{ path: '/not', keyword: 'not' }],
    };
    const said = (structured: FinishEvent['structured']) =>
      answer([chunk({ text: '{"a":1}' })], finishFixture(structured === undefined ? {} : { structured }));
    const good = said({ ...report, value: { a: 1 } });
    expect([good.json, good.structured, good.warnings]).toEqual([{ a: 1 }, report, undefined]);
    expect(said({ ...report, value: null })).toHaveProperty('json', null);
    const none = said({ ...report, valid: false });
    expect(none).not.toHaveProperty('json');
    expect(none.warnings).toEqual(['The answer is no valid JSON.']);
    expect(said({ ...report, valid: false, value: 1 }).warnings).toEqual([
      'The answer does not follow the schema.',
    ]);
    expect(said(undefined)).not.toHaveProperty('structured');
  });

  it('warns that thinking used up the tokens', () => {
    const finish = finishFixture({
      verdict: 'truncated',
      finishReason: 'MAX_TOKENS',
      usage: usageFixture(3, 0),
    });
    expect(answer([chunk()], finish).warnings).toEqual([
      'Thinking used up maxOutputTokens; there is no visible answer.',
    ]);
  });
});

describe('assertAnswered', () => {
  it.each([
    ['blocked', 'SAFETY_BLOCKED'],
    ['empty', 'EMPTY_RESPONSE'],
    ['malformed', 'UPSTREAM_PROTOCOL'],
  ] as const)('takes %s for %s, with Google’s word and what was used', (verdict, reason) => {
    const finish = finishFixture({ verdict, finishReason: 'WORD', finishMessage: 'Because.' });
    expect(() => assertAnswered(finish)).toThrow(
      expect.objectContaining({ reason, metadata: { upstreamReason: 'WORD' }, usage: finish.usage }),
    );
    expect(() => answer([], finish)).toThrow(expect.objectContaining({ reason }));
  });

  it.each(['ok', 'truncated'] as const)('takes %s for an answer', (verdict) => {
    expect(() => assertAnswered(finishFixture({ verdict }))).not.toThrow();
  });
});

describe('deltasOf', () => {
  it.each<[Part, object[]]>([
    [{ text: 'a' }, [{ text: 'a' }]],
    [{ text: '' }, []],
    [{ text: 'a', thought: true }, [{ part: { text: 'a', thought: true } }]],
    [{ text: 'a', thoughtSignature: 's' }, [{ text: 'a', part: { text: 'a', thoughtSignature: 's' } }]],
    [{ text: '', thoughtSignature: 's' }, [{ part: { text: '', thoughtSignature: 's' } }]],
    [{ functionCall: { name: 'f' } }, [{ part: { functionCall: { name: 'f' } } }]],
  ])('makes of the part %j %j', (part, deltas) => {
    expect(deltasOf(chunk(part).value)).toEqual(deltas);
  });

  it('makes nothing of a chunk without content', () => {
    expect(deltasOf({ candidates: [{ finishReason: 'STOP' }] })).toEqual([]);
    expect(deltasOf({})).toEqual([]);
  });
});

describe('vectorsOf', () => {
  it('takes the numbers out', () => {
    const value = { embeddings: [{ values: [1, 2] }, {}, 7] } as ChunkEvent['value'];
    expect(vectorsOf({ chunks: [{ type: 'chunk', value }], finish: finishFixture() })).toEqual([
      [1, 2],
      [],
      [],
    ]);
    expect(vectorsOf({ chunks: [], finish: finishFixture() })).toEqual([]);
  });
});
