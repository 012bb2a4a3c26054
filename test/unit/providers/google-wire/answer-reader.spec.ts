import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { AnswerReader } from '../../../../src/providers/google-wire/answer-reader.js';
import { parseObject } from '../../../../src/providers/http/json-object.js';

/** The end of an answer made of these responses. */
function finishOf(...responses: JsonObject[]) {
  const answer = new AnswerReader();
  for (const response of responses) answer.chunk(JSON.stringify(response));
  return answer.finish();
}

const text = (said: string) => ({ candidates: [{ content: { role: 'model', parts: [{ text: said }] } }] });
const ended = (finishReason: string, candidate: JsonObject = {}) => ({
  candidates: [{ finishReason, ...candidate }],
});

describe('AnswerReader', () => {
  it.each([
    ['a prompt that was blocked', [{ promptFeedback: { blockReason: 'SAFETY' } }], 'blocked', 'SAFETY'],
    [
      'a blocked prompt with empty candidates',
      [{ promptFeedback: { blockReason: 'JAILBREAK' }, candidates: [] }],
      'blocked',
      'JAILBREAK',
    ],
    ['no content but SAFETY', [ended('SAFETY')], 'blocked', 'SAFETY'],
    ['no content but PROHIBITED_CONTENT', [ended('PROHIBITED_CONTENT')], 'blocked', 'PROHIBITED_CONTENT'],
    ['text, then RECITATION', [text('once'), ended('RECITATION')], 'blocked', 'RECITATION'],
    ['STOP without parts', [ended('STOP', { content: { role: 'model' } })], 'empty', 'STOP'],
    ['thoughts only, cut off', [ended('MAX_TOKENS', { content: {} })], 'truncated', 'MAX_TOKENS'],
    ['only OTHER', [ended('OTHER')], 'empty', 'OTHER'],
    ['only NO_IMAGE', [ended('NO_IMAGE')], 'empty', 'NO_IMAGE'],
    ['only UNEXPECTED_TOOL_CALL', [ended('UNEXPECTED_TOOL_CALL')], 'malformed', 'UNEXPECTED_TOOL_CALL'],
    [
      'only MALFORMED_FUNCTION_CALL',
      [ended('MALFORMED_FUNCTION_CALL')],
      'malformed',
      'MALFORMED_FUNCTION_CALL',
    ],
    ['MALFORMED_RESPONSE', [ended('MALFORMED_RESPONSE')], 'malformed', 'MALFORMED_RESPONSE'],
    ['TOO_MANY_TOOL_CALLS', [ended('TOO_MANY_TOOL_CALLS')], 'malformed', 'TOO_MANY_TOOL_CALLS'],
    ['MODEL_ARMOR', [ended('MODEL_ARMOR')], 'blocked', 'MODEL_ARMOR'],
    ['text and STOP', [text('Hello'), ended('STOP')], 'ok', 'STOP'],
    ['text and a reason that nobody knows', [text('Hello'), ended('NEW_REASON')], 'ok', 'NEW_REASON'],
    ['a reason that nobody knows, alone', [ended('NEW_REASON')], 'empty', 'NEW_REASON'],
    ['a part of the answer', [text('Hello'), ended('CONTINUATION')], 'truncated', 'CONTINUATION'],
    ['an empty text only', [text(''), ended('STOP')], 'empty', 'STOP'],
    [
      'a thought only',
      [ended('STOP', { content: { parts: [{ text: 'hm', thought: true }] } })],
      'empty',
      'STOP',
    ],
    [
      'a function call',
      [ended('STOP', { content: { parts: [{ functionCall: { name: 'f', args: {} } }] } })],
      'ok',
      'STOP',
    ],
  ])('judges %s', (_, responses, verdict, finishReason) => {
    expect(finishOf(...responses)).toMatchObject({ type: 'finish', verdict, finishReason });
  });

  it.each([
    ['IMAGE_SAFETY'],
    ['LANGUAGE'],
    ['BLOCKLIST'],
    ['SPII'],
    ['IMAGE_PROHIBITED_CONTENT'],
    ['IMAGE_RECITATION'],
  ])('counts %s as blocked even after content', (reason) => {
    expect(finishOf(text('a'), ended(reason)).verdict).toBe('blocked');
  });

  it('throws EMPTY_RESPONSE where candidates are missing altogether, or nothing came', () => {
    const empty = expect.objectContaining({ reason: 'EMPTY_RESPONSE' });
    expect(() => finishOf({ usageMetadata: { promptTokenCount: 3 } })).toThrow(empty);
    expect(() => finishOf(text(''))).toThrow(empty);
    expect(() => new AnswerReader().finish()).toThrow(empty);
  });

  it('throws UPSTREAM_PROTOCOL where the answer broke off without a reason', () => {
    const broken = expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' });
    expect(() => finishOf(text('Hello'))).toThrow(broken);
    const thought = { candidates: [{ content: { parts: [{ text: 'hm', thought: true }] } }] };
    expect(() => finishOf(thought)).toThrow(broken);
  });

  it('keeps the last count, the last model version and Google’s sentence', () => {
    const counted = (candidatesTokenCount: number, modelVersion: string) => ({
      ...text('a'),
      modelVersion,
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount },
    });
    expect(
      finishOf(counted(1, 'm-1'), counted(2, 'm-2'), ended('SAFETY', { finishMessage: 'Not this.' })),
    ).toEqual({
      type: 'finish',
      verdict: 'blocked',
      finishReason: 'SAFETY',
      finishMessage: 'Not this.',
      modelVersion: 'm-2',
      usage: expect.objectContaining({ inputTokens: 3, outputTokens: 2, totalTokens: 5 }),
    });
    const blocked = { promptFeedback: { blockReason: 'OTHER', blockReasonMessage: 'No.' } };
    expect(finishOf(blocked)).toMatchObject({ finishMessage: 'No.' });
  });

  it('goes by the first candidate alone', () => {
    const second = { candidates: [{ index: 1, finishReason: 'SAFETY' }] };
    expect(
      finishOf({ candidates: [{ index: 0, finishReason: 'STOP', ...text('a').candidates[0] }] }, second),
    ).toMatchObject({ verdict: 'ok', finishReason: 'STOP' });
  });

  it('keeps the text as it came, and counts only where it was counted', () => {
    const said = ' {"candidates" : [], "unknown": {"a":1.0}}';
    const chunk = new AnswerReader().chunk(said);
    expect(chunk).toEqual({ type: 'chunk', text: said, value: { candidates: [], unknown: { a: 1 } } });
    expect(new AnswerReader().chunk('{"usageMetadata":{"promptTokenCount":2}}').usage?.inputTokens).toBe(2);
  });

  it('throws the error that a document reports, by its code', () => {
    const read = (error: JsonObject) => () => new AnswerReader().chunk(JSON.stringify({ error }));
    expect(read({ code: 503 })).toThrow(expect.objectContaining({ reason: 'UPSTREAM_OVERLOADED' }));
    expect(read({ message: 'x' })).toThrow(expect.objectContaining({ reason: 'UPSTREAM_UNAVAILABLE' }));
    expect(read({ code: 'odd' })).toThrow(expect.objectContaining({ reason: 'UPSTREAM_UNAVAILABLE' }));
  });

  it('bears whatever stands where a field should', () => {
    for (const odd of [null, 7, 'x', [], [null], [[]], {}]) {
      const answer = new AnswerReader();
      for (const response of [
        { candidates: odd },
        { candidates: [{ content: odd }] },
        { candidates: [{ content: { parts: odd } }] },
        { promptFeedback: odd },
        { usageMetadata: odd },
        { modelVersion: odd === 'x' ? 1 : odd },
      ])
        answer.chunk(JSON.stringify(response));
      answer.chunk(JSON.stringify(ended('STOP', text('a').candidates[0])));
      expect(answer.finish()).toMatchObject({ verdict: 'ok' });
    }
  });
});

describe('parseObject', () => {
  it.each(['', '{', '[]', 'null', '7', '"x"', 'data: {}'])('refuses %p', (said) => {
    expect(() => parseObject(said)).toThrow(expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }));
  });
});
