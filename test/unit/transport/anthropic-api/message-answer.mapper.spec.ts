import { describe, expect, it } from '@jest/globals';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent } from '../../../../src/core/generation.js';
import { toMessage } from '../../../../src/transport/anthropic-api/message-answer.mapper.js';
import { finishFixture } from '../../../helpers/calls.js';
import { chunkOf, collectedOf, contextFixture } from './fixtures.js';

const CALL: Part = { functionCall: { name: 'find', args: { place: 'here' } }, thoughtSignature: 'sig' };
const thought = (text: string): Part => ({ text, thought: true });
const messageOf = (...given: Parameters<typeof collectedOf>) =>
  toMessage(contextFixture(), collectedOf(...given));

describe('a whole message', () => {
  it('has all the fields that clients rely on', () => {
    expect(messageOf([{ text: 'Good ' }, { text: 'day', thoughtSignature: 'sig' }])).toEqual({
      id: 'msg_r-1',
      type: 'message',
      role: 'assistant',
      model: 'gemini-3.8-flash',
      content: [{ type: 'text', text: 'Good day', citations: null }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: expect.objectContaining({ input_tokens: 3, output_tokens: 5, service_tier: null }),
    });
  });

  it('tells the tier that served it where Anthropic has a word for it', () => {
    const tierOf = (serviceTier: string): unknown => {
      const chunk = chunkOf([{ text: 'x' }], {}, { usageMetadata: { serviceTier } });
      return toMessage(contextFixture(), { chunks: [chunk], finish: finishFixture() })['usage'];
    };
    expect(tierOf('priority')).toMatchObject({ service_tier: 'priority' });
    expect(tierOf('flex')).toMatchObject({ service_tier: null });
  });

  it('ends with tool_use where there are calls, each with an id under which its signature is kept', () => {
    const context = contextFixture();
    const second: Part = { functionCall: { name: 'read' } };
    const caller = { type: 'direct' };
    expect(
      toMessage(context, collectedOf([{ text: 'I look.' }, CALL, second, { text: 'Wait.' }])),
    ).toMatchObject({
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'call_1', name: 'find', input: { place: 'here' }, caller },
        { type: 'tool_use', id: 'call_2', name: 'read', input: {}, caller },
        { type: 'text', text: 'Wait.' },
      ],
      stop_reason: 'tool_use',
    });
    expect(context.keptCalls).toEqual([CALL, second]);
  });

  it('has thoughts in blocks of their own, each with the signature of the part behind it', () => {
    const message = messageOf([
      thought('Hm'),
      thought('.'),
      { text: 'Yes.', thoughtSignature: 'one' },
      thought('Oh.'),
      CALL,
      thought('Late.'),
    ]);
    expect(message['content']).toEqual([
      { type: 'thinking', thinking: 'Hm.', signature: 'gemini.one' },
      { type: 'text', text: 'Yes.', citations: null },
      { type: 'thinking', thinking: 'Oh.', signature: 'gemini.sig' },
      expect.objectContaining({ type: 'tool_use' }),
      { type: 'thinking', thinking: 'Late.', signature: '' },
    ]);
  });

  it.each([
    ['MAX_TOKENS', undefined],
    ['CONTINUATION', { finish_reason: 'CONTINUATION' }],
  ])('ends with max_tokens after %s, with calls or without', (finishReason, gateway) => {
    const finish = { verdict: 'truncated', finishReason } as const;
    for (const parts of [[{ text: 'cut' }], [CALL], []]) {
      const message = messageOf(parts, finish);
      expect(message['stop_reason']).toBe('max_tokens');
      expect(message['gateway']).toEqual(gateway);
    }
  });

  it('is a refusal that says why, with what there was of an answer', () => {
    const finish = { verdict: 'blocked', finishReason: 'SAFETY', finishMessage: 'It was rude.' } as const;
    expect(messageOf([{ text: 'begun' }], finish)).toMatchObject({
      content: [{ type: 'text', text: 'begun' }],
      stop_reason: 'refusal',
      stop_details: {
        type: 'refusal',
        category: null,
        explanation: 'Google blocked the answer: SAFETY. It was rude.',
      },
      gateway: { finish_reason: 'SAFETY', finish_message: 'It was rude.' },
    });
    const blocked = toMessage(contextFixture(), {
      chunks: [{ type: 'chunk', value: { promptFeedback: { blockReason: 'SAFETY' } } }],
      finish: finishFixture({ verdict: 'blocked', finishReason: 'SAFETY' }),
    });
    expect(blocked).toMatchObject({
      content: [],
      stop_details: { explanation: 'Google blocked the prompt: SAFETY.' },
    });
  });

  it.each<[string, Partial<FinishEvent>]>([
    ['EMPTY_RESPONSE', { verdict: 'empty', finishReason: 'STOP' }],
    ['UPSTREAM_PROTOCOL', { verdict: 'malformed', finishReason: 'MALFORMED_FUNCTION_CALL' }],
  ])('is an error where there is no answer: %s', (reason, finish) => {
    expect(() => messageOf([], finish)).toThrow(
      expect.objectContaining({ reason, metadata: { upstreamReason: finish.finishReason } }),
    );
  });

  it('keeps what Anthropic’s shape has no place for', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const groundingMetadata = { webSearchQueries: ['q'] };
    const message = messageOf(
      [{ text: 'x' }, image, { text: '', thoughtSignature: 'sig' }],
      { finishReason: 'OTHER_STOP' },
      { groundingMetadata, citationMetadata: { citations: [] }, urlContextMetadata: 'none' },
    );
    expect(message).toMatchObject({ content: [{ type: 'text', text: 'x' }], stop_reason: 'end_turn' });
    expect(message['gateway']).toEqual({
      parts: [image],
      grounding_metadata: groundingMetadata,
      citation_metadata: { citations: [] },
      finish_reason: 'OTHER_STOP',
    });
  });
});
