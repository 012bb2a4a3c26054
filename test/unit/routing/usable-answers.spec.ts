import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { GenerationEvent, Verdict } from '../../../src/core/generation.js';
import { UsableAnswers } from '../../../src/routing/usable-answers.js';
import { chunkFixture, finishFixture, usageFixture } from '../../helpers/calls.js';

const WHOLE = { operation: 'generate', stream: false } as const;
const STREAM = { operation: 'generate', stream: true } as const;
const chunk = (value: object): GenerationEvent => ({ type: 'chunk', value: value as never });
const parts = (...list: object[]) => chunk({ candidates: [{ content: { role: 'model', parts: list } }] });
const ended = (verdict: Verdict) =>
  finishFixture({ verdict, finishReason: 'ODD', usage: usageFixture(3, 1) });

describe('UsableAnswers', () => {
  it.each<[string, GenerationEvent, boolean]>([
    ['a text', chunkFixture('Hello'), true],
    ['a thought', parts({ text: 'Hm', thought: true }), true],
    ['a function call', parts({ functionCall: { name: 'f' } }), true],
    ['a blocked prompt', chunk({ promptFeedback: { blockReason: 'SAFETY' } }), true],
    ['an empty text', parts({ text: '' }), false],
    ['an empty text with something behind it', parts({ text: '' }, { text: 'Hi' }), true],
    ['no content', chunk({ candidates: [{ finishReason: 'STOP' }] }), false],
    ['odd content', chunk({ candidates: [7, { content: { parts: 7 } }] }), false],
  ])('takes for the beginning of a stream: %s: %#', (_, event, begins) => {
    expect(new UsableAnswers(STREAM, true).judge(event)).toBe(begins);
    expect(new UsableAnswers(WHOLE, true).judge(event)).toBe(false);
  });

  it.each<Verdict>(['ok', 'truncated', 'blocked'])('delivers what ended %s', (verdict) => {
    expect(new UsableAnswers(WHOLE, true).judge(ended(verdict))).toBe(true);
  });

  it.each<Verdict>(['empty', 'malformed'])(
    'refuses the first that ended %s, with its tokens, once',
    (verdict) => {
      const usable = new UsableAnswers(WHOLE, true);
      let refusal: unknown;
      try {
        usable.judge(ended(verdict));
      } catch (thrown) {
        refusal = thrown;
      }
      expect(refusal).toMatchObject({
        reason: 'EMPTY_RESPONSE',
        usage: usageFixture(3, 1),
        metadata: { upstreamReason: 'ODD' },
      });
      usable.failed(refusal as GatewayError);
      expect(usable.judge(ended(verdict))).toBe(true);
    },
  );

  it.each([
    ['the task does not allow it', WHOLE, false],
    ['nothing is generated', { operation: 'embed', stream: false } as const, true],
  ])('delivers everything as it comes where %s', (_, call, allowed) => {
    const usable = new UsableAnswers(call, allowed);
    expect([chunkFixture('x'), ended('malformed')].map(usable.judge)).toEqual([true, true]);
  });

  it('still judges after failures of another kind', () => {
    const usable = new UsableAnswers(WHOLE, true);
    usable.failed(new GatewayError('UPSTREAM_OVERLOADED', 'It is overloaded.'));
    expect(() => usable.judge(ended('empty'))).toThrow();
  });
});
