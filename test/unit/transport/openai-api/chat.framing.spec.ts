import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent, GenerationEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { chatFraming } from '../../../../src/transport/openai-api/chat.framing.js';
import { finishFixture } from '../../../helpers/calls.js';
import { contextFixture, sse } from './fixtures.js';

const chunk = (parts: Part[], candidate: JsonObject = {}, more: JsonObject = {}): GenerationEvent => ({
  type: 'chunk',
  value: { candidates: [{ content: { role: 'model', parts }, ...candidate }], ...more },
});

/** The data of the events that a stream writes. */
function written(events: GenerationEvent[], includeUsage = false): JsonObject[] {
  const framing = chatFraming(contextFixture(), { includeUsage });
  const text = events.map((event) => framing.event(event)).join('') + framing.closing;
  const all = sse(text).map(([, data]) => data);
  expect(all.pop()).toBe('[DONE]');
  return all as JsonObject[];
}

/** The deltas of the only choice of each event, and how it ended. */
function deltas(events: JsonObject[]): unknown[] {
  return events.map(({ choices }) => {
    const [choice] = choices as JsonObject[];
    return [choice?.['delta'], choice?.['finish_reason']];
  });
}

describe('a streamed chat completion', () => {
  it('is chunks of one shape, with the role in the first and the finish in the last', () => {
    const events = written([chunk([{ text: 'Good ' }]), chunk([{ text: 'day "\n"' }]), finishFixture()]);
    expect(events[0]).toEqual({
      id: 'chatcmpl-r-1',
      object: 'chat.completion.chunk',
      created: 1_700_000_000,
      model: 'gemini-3.8-flash',
      choices: [
        { index: 0, delta: { role: 'assistant', content: 'Good ' }, logprobs: null, finish_reason: null },
      ],
    });
    expect(deltas(events)).toEqual([
      [{ role: 'assistant', content: 'Good ' }, null],
      [{ content: 'day "\n"' }, null],
      [{}, 'stop'],
    ]);
  });

  it('tells the tokens in a chunk of their own, and only where they are asked for', () => {
    const script = [chunk([{ text: 'x' }], {}, { usageMetadata: { serviceTier: 'flex' } }), finishFixture()];
    const events = written(script, true);
    expect(events.map(({ usage }) => usage === null)).toEqual([true, true, false]);
    expect(events.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 },
      service_tier: 'flex',
    });
    for (const event of written(script)) expect(event).not.toHaveProperty('usage');
  });

  it('has whole calls, numbered within their choice, and ends with tool_calls', () => {
    const call = (name: string): Part => ({ functionCall: { name, args: { a: 1 } } });
    const signed = { ...call('find'), thoughtSignature: 'sig' };
    const events = written([chunk([{ text: 'I look.' }, signed]), chunk([call('read')]), finishFixture()]);
    const fn = (name: string): JsonObject => ({ name, arguments: '{"a":1}' });
    expect(deltas(events)).toEqual([
      [{ role: 'assistant', content: 'I look.' }, null],
      [
        {
          tool_calls: [
            {
              index: 0,
              id: 'call_1',
              type: 'function',
              function: fn('find'),
              extra_content: { google: { thought_signature: 'sig' } },
            },
          ],
        },
        null,
      ],
      [{ tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: fn('read') }] }, null],
      [{}, 'tool_calls'],
    ]);
  });

  it('tells thoughts apart, and nothing of parts that are for the model alone', () => {
    const events = written([
      chunk([{ text: 'Hm.', thought: true }]),
      chunk([{ text: 'Yes.' }]),
      chunk([{ text: '', thoughtSignature: 'sig' }]),
      chunk([]),
      finishFixture(),
    ]);
    expect(deltas(events)).toEqual([
      [{ role: 'assistant', reasoning_content: 'Hm.' }, null],
      [{ content: 'Yes.' }, null],
      [{}, 'stop'],
    ]);
  });

  it('says why an answer was blocked, and what came before', () => {
    const finish = finishFixture({ verdict: 'blocked', finishReason: 'SAFETY' });
    const events = written([chunk([{ text: 'begun' }]), finish]);
    expect(events.at(-1)?.['choices']).toEqual([
      {
        index: 0,
        delta: { refusal: 'Google blocked the answer: SAFETY.' },
        logprobs: null,
        finish_reason: 'content_filter',
        gateway: { finish_reason: 'SAFETY' },
      },
    ]);
  });

  it('has a role even where nothing was said', () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    expect(deltas(written([chunk([]), finish]))).toEqual([[{ role: 'assistant' }, 'length']]);
    expect(deltas(written([finish]))).toEqual([[{ role: 'assistant' }, 'length']]);
  });

  it('keeps what OpenAI’s shape has no place for until the finish', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const events = written([
      chunk([image]),
      chunk([{ text: 'x' }], { groundingMetadata: { webSearchQueries: ['q'] } }),
      finishFixture(),
    ]);
    expect(events).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({
      choices: [{ gateway: { parts: [image], grounding_metadata: { webSearchQueries: ['q'] } } }],
    });
  });

  it('has log probabilities with the piece that they are of, once', () => {
    const logprobsResult = { chosenCandidates: [{ token: 'x', logProbability: -1 }] };
    const events = written([
      chunk([{ text: 'x' }, { text: 'y' }], { logprobsResult }),
      chunk([], { logprobsResult }),
      finishFixture(),
    ]);
    const known = events.map(({ choices }) => (choices as JsonObject[])[0]?.['logprobs'] !== null);
    expect(known).toEqual([true, false, true, false]);
  });

  it('finishes each alternative in its own way', () => {
    const second = (parts: Part[], finishReason?: string): GenerationEvent =>
      chunk(parts, { index: 1, ...(finishReason === undefined ? {} : { finishReason }) });
    const events = written([
      chunk([{ text: 'a' }]),
      second([{ text: 'b' }]),
      second([], 'MAX_TOKENS'),
      finishFixture(),
    ]);
    expect(events.flatMap(({ choices }) => choices)).toMatchObject([
      { index: 0, delta: { role: 'assistant', content: 'a' } },
      { index: 1, delta: { role: 'assistant', content: 'b' } },
      { index: 0, finish_reason: 'stop' },
      { index: 1, finish_reason: 'length' },
    ]);
  });

  it.each<[string, GenerationEvent[], Partial<FinishEvent>, string]>([
    ['an empty answer', [chunk([])], { verdict: 'empty' }, 'EMPTY_RESPONSE'],
    [
      'a malformed call',
      [chunk([{ text: 'x' }])],
      { verdict: 'malformed', finishReason: 'MALFORMED_FUNCTION_CALL' },
      'UPSTREAM_PROTOCOL',
    ],
    [
      'an empty alternative',
      [chunk([{ text: 'x' }]), chunk([], { index: 1, finishReason: 'STOP' })],
      {},
      'EMPTY_RESPONSE',
    ],
    ['a blocked prompt', [], { verdict: 'blocked', finishReason: 'SAFETY' }, 'SAFETY_BLOCKED'],
  ])('fails at the end of %s', (_what, script, finish, reason) => {
    const framing = chatFraming(contextFixture(), { includeUsage: true });
    for (const event of script) framing.event(event);
    expect(() => framing.event(finishFixture(finish))).toThrow(expect.objectContaining({ reason }));
  });

  it('fails in one event, in the shape of an error', () => {
    const framing = chatFraming(contextFixture(), { includeUsage: false });
    const failure = framing.failure(new GatewayError('UPSTREAM_OVERLOADED', 'Too much at once.'));
    expect(sse(failure)).toEqual([
      [
        '',
        {
          error: {
            message: 'Too much at once.',
            type: 'server_error',
            param: null,
            code: 'overloaded',
            gateway: { reason: 'UPSTREAM_OVERLOADED', request_id: 'r-1' },
          },
        },
      ],
    ]);
  });
});
