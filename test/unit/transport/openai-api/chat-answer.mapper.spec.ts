import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { chatCompletion } from '../../../../src/transport/openai-api/chat-answer.mapper.js';
import { finishFixture } from '../../../helpers/calls.js';
import { collectedOf, contextFixture } from './fixtures.js';

/** The only choice of an answer of these parts. */
function choiceOf(
  parts: readonly Part[],
  finish: Partial<FinishEvent> = {},
  candidate: JsonObject = {},
): JsonObject & { message: JsonObject } {
  const { choices } = chatCompletion(contextFixture(), collectedOf(parts, finish, candidate));
  const [choice] = choices as (JsonObject & { message: JsonObject })[];
  return choice!;
}

/** What is thrown in place of an answer. */
function failureOf(make: () => unknown): GatewayError {
  try {
    make();
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown;
    throw thrown;
  }
  throw new Error('there was an answer');
}

const CALL: Part = { functionCall: { name: 'find', args: { place: 'here' } }, thoughtSignature: 'sig' };

describe('a whole chat completion', () => {
  it('has all the fields that clients rely on', () => {
    const collected = collectedOf([{ text: 'Good ' }, { text: 'day', thoughtSignature: 'sig' }]);
    expect(chatCompletion(contextFixture(), collected)).toEqual({
      id: 'chatcmpl-r-1',
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'gemini-3.8-flash',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Good day', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: expect.objectContaining({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 }),
    });
  });

  it('tells the tier that served it in OpenAI’s word', () => {
    const tierOf = (serviceTier: string): unknown => {
      const value = { candidates: [{ content: { parts: [{ text: 'x' }] } }], usageMetadata: { serviceTier } };
      return chatCompletion(contextFixture(), {
        chunks: [{ type: 'chunk', value }],
        finish: finishFixture(),
      })['service_tier'];
    };
    expect([tierOf('standard'), tierOf('flex')]).toEqual(['default', 'flex']);
  });

  it('ends with tool_calls where there are calls, each with an id under which its signature is kept', () => {
    const context = contextFixture();
    const second: Part = { functionCall: { name: 'read' } };
    const { choices } = chatCompletion(context, collectedOf([{ text: 'I look.' }, CALL, second]));
    expect(choices).toEqual([
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'I look.',
          refusal: null,
          tool_calls: [
            {
              id: 'call_1',
              type: 'function',
              function: { name: 'find', arguments: '{"place":"here"}' },
              extra_content: { google: { thought_signature: 'sig' } },
            },
            { id: 'call_2', type: 'function', function: { name: 'read', arguments: '{}' } },
          ],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ]);
    expect(context.keptCalls).toEqual([CALL, second]);
    expect(choiceOf([CALL]).message['content']).toBeNull();
  });

  it('tells thoughts apart from the answer', () => {
    const { message } = choiceOf([{ text: 'Hm.', thought: true }, { text: 'Yes.' }]);
    expect(message).toEqual({ role: 'assistant', content: 'Yes.', refusal: null, reasoning_content: 'Hm.' });
  });

  it.each([
    ['MAX_TOKENS', undefined],
    ['CONTINUATION', { finish_reason: 'CONTINUATION' }],
  ])('ends with length after %s, with calls or without', (finishReason, gateway) => {
    const finish = { verdict: 'truncated', finishReason } as const;
    expect(choiceOf([{ text: 'cut' }], finish)).toMatchObject({
      finish_reason: 'length',
      message: { content: 'cut' },
    });
    expect(choiceOf([{ text: 'cut' }], finish)['gateway']).toEqual(gateway);
    expect(choiceOf([CALL], finish)['finish_reason']).toBe('length');
    // Thinking has used up what was allowed.
    expect(choiceOf([], finish)).toMatchObject({ finish_reason: 'length', message: { content: '' } });
  });

  it('ends with content_filter and says why, with what there was of an answer', () => {
    const finish = { verdict: 'blocked', finishReason: 'SAFETY', finishMessage: 'It was rude.' } as const;
    expect(choiceOf([{ text: 'begun' }], finish)).toEqual({
      index: 0,
      message: {
        role: 'assistant',
        content: 'begun',
        refusal: 'Google blocked the answer: SAFETY. It was rude.',
      },
      logprobs: null,
      finish_reason: 'content_filter',
      gateway: { finish_reason: 'SAFETY', finish_message: 'It was rude.' },
    });
    expect(choiceOf([], { verdict: 'blocked', finishReason: 'RECITATION' })).toMatchObject({
      finish_reason: 'content_filter',
      message: { content: null, refusal: 'Google blocked the answer: RECITATION.' },
    });
  });

  it('takes an unknown reason for what came with it, and tells it', () => {
    expect(choiceOf([{ text: 'x' }], { finishReason: 'NEW_REASON' })).toMatchObject({
      finish_reason: 'stop',
      gateway: { finish_reason: 'NEW_REASON' },
    });
  });

  it.each([
    ['empty', 'STOP', 'EMPTY_RESPONSE'],
    ['malformed', 'MALFORMED_FUNCTION_CALL', 'UPSTREAM_PROTOCOL'],
  ] as const)('is an error where the answer is %s', (verdict, finishReason, reason) => {
    const finish = finishFixture({ verdict, finishReason });
    const error = failureOf(() => chatCompletion(contextFixture(), collectedOf([], finish)));
    expect(error).toMatchObject({ reason, usage: finish.usage, metadata: { upstreamReason: finishReason } });
  });

  it('is an error where the prompt was blocked', () => {
    const finish = finishFixture({ verdict: 'blocked', finishReason: 'PROHIBITED_CONTENT' });
    const chunks = [
      { type: 'chunk' as const, value: { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } } },
    ];
    expect(failureOf(() => chatCompletion(contextFixture(), { chunks, finish }))).toMatchObject({
      reason: 'SAFETY_BLOCKED',
      message: 'Google blocked the prompt: PROHIBITED_CONTENT.',
    });
  });

  it('has something to say even where the upstream gave no candidate', () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    const { choices } = chatCompletion(contextFixture(), { chunks: [{ type: 'chunk', value: {} }], finish });
    expect(choices).toMatchObject([{ index: 0, finish_reason: 'length' }]);
  });

  it('keeps what OpenAI’s shape has no place for', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const code = { executableCode: { code: '1+1' }, thoughtSignature: 'sig' };
    expect(
      choiceOf(
        [image, { text: 'Two.' }, code],
        {},
        {
          groundingMetadata: { webSearchQueries: ['q'] },
          citationMetadata: { citationSources: [] },
        },
      ),
    ).toMatchObject({
      finish_reason: 'stop',
      message: { content: 'Two.' },
      gateway: {
        parts: [image, code],
        grounding_metadata: { webSearchQueries: ['q'] },
        citation_metadata: { citationSources: [] },
      },
    });
    expect(choiceOf([image])).toMatchObject({ finish_reason: 'stop', message: { content: null } });
    expect(choiceOf([{ text: 'x' }])).not.toHaveProperty('gateway');
  });

  it('has log probabilities where they were asked for', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'é', tokenId: 7, logProbability: -0.25 }],
      topCandidates: [
        {
          candidates: [
            { token: 'é', logProbability: -0.25 },
            { token: 'e', logProbability: -2 },
          ],
        },
      ],
    };
    expect(choiceOf([{ text: 'é' }], {}, { logprobsResult })['logprobs']).toEqual({
      content: [
        {
          token: 'é',
          logprob: -0.25,
          bytes: [195, 169],
          top_logprobs: [
            { token: 'é', logprob: -0.25, bytes: [195, 169] },
            { token: 'e', logprob: -2, bytes: [101] },
          ],
        },
      ],
      refusal: null,
    });
  });

  describe('of several alternatives', () => {
    const candidate = (index: number, parts: Part[], finishReason = 'STOP'): JsonObject => ({
      index,
      content: { role: 'model', parts },
      finishReason,
    });
    const answer = (...candidates: JsonObject[]): JsonObject =>
      chatCompletion(contextFixture(), {
        chunks: [{ type: 'chunk', value: { candidates } }],
        finish: finishFixture(),
      });

    it('each ends in its own way', () => {
      const choices = answer(
        candidate(0, [{ text: 'one' }]),
        candidate(1, [{ text: 'two' }], 'MAX_TOKENS'),
        candidate(2, [], 'SAFETY'),
        candidate(3, [CALL]),
        candidate(4, [{ text: 'five' }], 'NEW_REASON'),
      )['choices'] as JsonObject[];
      expect(choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
        [0, 'stop'],
        [1, 'length'],
        [2, 'content_filter'],
        [3, 'tool_calls'],
        [4, 'stop'],
      ]);
    });

    it('each says why it was blocked, and may be other than text', () => {
      const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
      const blocked = { ...candidate(1, [], 'SAFETY'), finishMessage: 'It was rude.' };
      expect(
        answer(candidate(0, [{ text: 'one' }]), blocked, candidate(2, [image]))['choices'],
      ).toMatchObject([
        {},
        { message: { refusal: 'Google blocked the answer: SAFETY. It was rude.' } },
        { finish_reason: 'stop', gateway: { parts: [image] } },
      ]);
    });

    it.each([
      [candidate(1, []), 'EMPTY_RESPONSE'],
      [candidate(1, [{ text: 'Hm.', thought: true }]), 'EMPTY_RESPONSE'],
      [candidate(1, [], 'MALFORMED_FUNCTION_CALL'), 'UPSTREAM_PROTOCOL'],
    ])('one that is none is an error: %j', (other, reason) => {
      expect(failureOf(() => answer(candidate(0, [{ text: 'one' }]), other)).reason).toBe(reason);
    });
  });
});
