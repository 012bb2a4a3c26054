import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent, GenerationEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { wholeResponse } from '../../../../src/transport/openai-api/response-answer.mapper.js';
import { responsesFraming } from '../../../../src/transport/openai-api/responses.framing.js';
import { finishFixture } from '../../../helpers/calls.js';
import { collectedOf, contextFixture, sse, type ContextFixture } from './fixtures.js';

const PLAIN = { sealedReasoning: false };
const BODY = {
  model: 'gemini-3.8-flash',
  input: 'hi',
  temperature: 0.5,
  metadata: { run: '7' },
  user: 'ann',
};
const CALL: Part = { functionCall: { name: 'find', args: { a: 1 } }, thoughtSignature: 'sig' };

const chunk = (parts: Part[], candidate: JsonObject = {}): GenerationEvent => ({
  type: 'chunk',
  value: { candidates: [{ content: { role: 'model', parts }, ...candidate }] },
});

interface Streamed {
  readonly types: string[];
  readonly events: JsonObject[];
  readonly response: JsonObject;
  readonly context: ContextFixture;
}

/** The events that a stream writes. */
function streamed(events: GenerationEvent[], wishes = PLAIN, body: JsonObject = BODY): Streamed {
  const context = contextFixture();
  const framing = responsesFraming(context, body, wishes);
  const text = framing.opening + events.map((event) => framing.event(event)).join('') + framing.closing;
  const all = sse(text) as [string, JsonObject][];
  for (const [index, [name, data]] of all.entries())
    expect([data['type'], data['sequence_number']]).toEqual([name, index]);
  return {
    types: all.map(([name]) => name.replace('response.', '')),
    events: all.map(([, data]) => data),
    response: all.at(-1)?.[1]['response'] as JsonObject,
    context,
  };
}

/** The same answer, whole. */
function whole(parts: Part[], finish: Partial<FinishEvent> = {}, wishes = PLAIN): JsonObject {
  return wholeResponse(contextFixture(), BODY, wishes, collectedOf(parts, finish));
}

const contentOf = (item: JsonObject | undefined) => (item?.['content'] ?? []) as JsonObject[];

const MESSAGE = ['output_item.added', 'content_part.added'];
const MESSAGE_DONE = ['output_text.done', 'content_part.done', 'output_item.done'];
const CALLED = [
  'output_item.added',
  'function_call_arguments.delta',
  'function_call_arguments.done',
  'output_item.done',
];

describe('a streamed response', () => {
  it('begins, says its text piece by piece, and completes with all of it', () => {
    const { types, events, response } = streamed([
      chunk([{ text: 'Good ' }]),
      chunk([{ text: 'day' }]),
      finishFixture(),
    ]);
    expect(types).toEqual([
      'created',
      'in_progress',
      ...MESSAGE,
      'output_text.delta',
      'output_text.delta',
      ...MESSAGE_DONE,
      'completed',
    ]);
    expect(events[0]).toMatchObject({ response: { id: 'resp_r-1', status: 'in_progress', output: [] } });
    const { item_id } = events[4] as { item_id: string };
    expect(item_id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(events[4]).toMatchObject({ output_index: 0, content_index: 0, delta: 'Good ', logprobs: [] });
    expect(events[6]).toMatchObject({ item_id, text: 'Good day' });
    expect(response).toMatchObject({
      id: 'resp_r-1',
      object: 'response',
      created_at: 1_700_000_000,
      status: 'completed',
      model: 'gemini-3.8-flash',
      error: null,
      incomplete_details: null,
      store: false,
      previous_response_id: null,
      temperature: 0.5,
      metadata: { run: '7' },
      user: 'ann',
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      usage: { input_tokens: 3, output_tokens: 5, total_tokens: 8 },
      output: [
        {
          id: item_id,
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Good day', annotations: [], logprobs: [] }],
        },
      ],
    });
  });

  it('has an item for thoughts, one for text, one for each call', () => {
    const { types, response, context } = streamed([
      chunk([{ text: 'Hm.', thought: true }]),
      chunk([{ text: 'I look.' }, CALL]),
      chunk([{ functionCall: { name: 'read' } }]),
      finishFixture(),
    ]);
    expect(types.slice(2)).toEqual([
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      ...MESSAGE,
      'output_text.delta',
      ...MESSAGE_DONE,
      ...CALLED,
      ...CALLED,
      'completed',
    ]);
    expect(response['output']).toMatchObject([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] },
      { type: 'message', status: 'completed' },
      { type: 'function_call', call_id: 'call_1', name: 'find', arguments: '{"a":1}', status: 'completed' },
      { type: 'function_call', call_id: 'call_2', name: 'read', arguments: '{}' },
    ]);
    expect(context.keptCalls).toHaveLength(2);
    expect(JSON.stringify(response)).not.toContain('sig');
  });

  it('seals the signatures of calls into reasoning where that is wanted', () => {
    const sealed = { sealedReasoning: true };
    const { response, types } = streamed(
      [chunk([{ text: 'Hm.', thought: true }, CALL]), finishFixture()],
      sealed,
    );
    expect(response['output']).toMatchObject([
      { type: 'reasoning', summary: [{ text: 'Hm.' }], encrypted_content: 'sig' },
      { type: 'function_call' },
    ]);
    expect(types).toContain('reasoning_summary_part.done');
    const alone = streamed([chunk([{ text: 'I look.' }, CALL]), finishFixture()], sealed);
    expect(alone.response['output']).toMatchObject([
      { type: 'message' },
      { type: 'reasoning', summary: [], encrypted_content: 'sig' },
      { type: 'function_call' },
    ]);
    const added = alone.types.filter((type) => type === 'output_item.added');
    expect(added).toHaveLength(3);
  });

  it('keeps the signature of a text under its message, also where it comes last and alone', () => {
    const together = streamed([chunk([{ text: 'x', thoughtSignature: 'one' }]), finishFixture()]);
    const apart = streamed([
      chunk([{ text: 'x' }]),
      chunk([{ text: '', thoughtSignature: 'two' }]),
      finishFixture(),
    ]);
    for (const [{ context, response }, signature] of [
      [together, 'one'],
      [apart, 'two'],
    ] as const) {
      const [message] = response['output'] as JsonObject[];
      expect(context.keptTexts).toEqual([[message?.['id'], signature]]);
    }
    expect(
      streamed([chunk([CALL, { text: '', thoughtSignature: 'x' }]), finishFixture()]).context.keptTexts,
    ).toEqual([]);
  });

  it('is incomplete where it was cut', () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    const { types, response } = streamed([chunk([{ text: 'cu' }]), finish]);
    expect(types.at(-1)).toBe('incomplete');
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'incomplete', content: [{ text: 'cu' }] }],
    });
    expect(streamed([finish]).response).toMatchObject({ status: 'incomplete', output: [] });
  });

  it.each<[string, Part[], JsonObject[]]>([
    [
      'behind what was said',
      [{ text: 'begun' }],
      [
        {
          type: 'message',
          status: 'incomplete',
          content: [{ type: 'output_text', text: 'begun' }, { type: 'refusal' }],
        },
      ],
    ],
    [
      'in a message of its own behind thoughts',
      [{ text: 'Hm.', thought: true }],
      [{ type: 'reasoning' }, { type: 'message', status: 'incomplete', content: [{ type: 'refusal' }] }],
    ],
    [
      'in a message of its own',
      [],
      [{ type: 'message', status: 'incomplete', content: [{ type: 'refusal' }] }],
    ],
  ])('says why it was blocked, %s', (_what, parts, output) => {
    const finish = finishFixture({ verdict: 'blocked', finishReason: 'SAFETY' });
    const { types, events, response } = streamed([chunk(parts), finish]);
    expect(types.slice(-6, -2)).toEqual([
      'content_part.added',
      'refusal.delta',
      'refusal.done',
      'content_part.done',
    ]);
    expect(events.find(({ type }) => type === 'response.refusal.done')).toMatchObject({
      refusal: 'Google blocked the answer: SAFETY.',
      content_index: contentOf(output.at(-1)).length - 1,
      output_index: output.length - 1,
    });
    expect(response).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
      gateway: { finish_reason: 'SAFETY' },
      output,
    });
  });

  it('has log probabilities with the piece that they are of', () => {
    const logprobsResult = { chosenCandidates: [{ token: 'x', logProbability: -1 }] };
    const { events, response } = streamed([
      chunk([{ text: 'x' }, { text: 'y' }], { logprobsResult }),
      finishFixture(),
    ]);
    const of = (type: string): unknown[] =>
      events.filter((event) => event['type'] === type).map(({ logprobs }) => (logprobs as unknown[]).length);
    expect(of('response.output_text.delta')).toEqual([1, 0]);
    expect(of('response.output_text.done')).toEqual([1]);
    expect(response['output']).toMatchObject([{ content: [{ logprobs: [{ token: 'x', logprob: -1 }] }] }]);
  });

  it('tells the tier that served it, from whatever chunk told it, and takes chunks without an answer', () => {
    const about = (value: JsonObject): GenerationEvent => ({ type: 'chunk', value });
    const { types, response } = streamed([
      about({ usageMetadata: { serviceTier: 'flex' } }),
      chunk([{ text: 'x' }]),
      about({ candidates: [{ index: 1, content: { parts: [{ text: 'another' }] } }] }),
      finishFixture(),
    ]);
    expect(types.filter((type) => type === 'output_text.delta')).toHaveLength(1);
    expect(response).toMatchObject({ service_tier: 'flex', output: [{ content: [{ text: 'x' }] }] });
  });

  it('repeats the request’s tools and format', () => {
    const tools = [{ type: 'function', name: 'find', parameters: {} }];
    const { response } = streamed([chunk([{ text: 'x' }]), finishFixture()], PLAIN, {
      ...BODY,
      tools,
      tool_choice: 'required',
      text: { format: { type: 'json_object' } },
      service_tier: 'flex',
    });
    expect(response).toMatchObject({
      tools,
      tool_choice: 'required',
      text: { format: { type: 'json_object' } },
    });
  });

  it.each<[string, GenerationEvent[], Partial<FinishEvent>, string]>([
    ['an empty answer', [chunk([])], { verdict: 'empty' }, 'EMPTY_RESPONSE'],
    ['a malformed call', [chunk([])], { verdict: 'malformed' }, 'UPSTREAM_PROTOCOL'],
    ['a blocked prompt', [], { verdict: 'blocked' }, 'SAFETY_BLOCKED'],
  ])('fails at the end of %s', (_what, script, finish, reason) => {
    const framing = responsesFraming(contextFixture(), BODY, PLAIN);
    for (const event of script) framing.event(event);
    expect(() => framing.event(finishFixture(finish))).toThrow(expect.objectContaining({ reason }));
  });

  it('fails in one event of its own', () => {
    const framing = responsesFraming(contextFixture(), BODY, PLAIN);
    const failure = framing.failure(new GatewayError('UPSTREAM_OVERLOADED', 'Too much at once.'));
    expect(sse(failure)).toEqual([
      [
        'error',
        {
          type: 'error',
          sequence_number: 2,
          code: 'overloaded',
          message: 'Too much at once.',
          param: null,
          gateway: { reason: 'UPSTREAM_OVERLOADED', request_id: 'r-1' },
        },
      ],
    ]);
  });
});

describe('a whole response', () => {
  it('is what a stream completes with', () => {
    const parts: Part[] = [{ text: 'Hm.', thought: true }, { text: 'I look.' }, CALL];
    const withoutIds = (response: JsonObject): string =>
      JSON.stringify(response).replaceAll(/_[0-9a-f]{32}/g, '_');
    expect(withoutIds(whole(parts))).toBe(withoutIds(streamed([chunk(parts), finishFixture()]).response));
  });

  it('keeps what OpenAI’s shape has no place for', () => {
    const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const grounded = collectedOf([{ text: 'x' }], {}, { groundingMetadata: { webSearchQueries: ['q'] } });
    expect(wholeResponse(contextFixture(), BODY, PLAIN, grounded)).toMatchObject({
      gateway: { grounding_metadata: { webSearchQueries: ['q'] } },
    });
    expect(whole([image])).toMatchObject({ status: 'completed', output: [], gateway: { parts: [image] } });
  });

  it('is an error where the prompt was blocked or there is no answer', () => {
    const chunks = [{ type: 'chunk' as const, value: { promptFeedback: { blockReason: 'SAFETY' } } }];
    const finish = finishFixture({ verdict: 'blocked', finishReason: 'SAFETY' });
    expect(() => wholeResponse(contextFixture(), BODY, PLAIN, { chunks, finish })).toThrow(
      expect.objectContaining({ reason: 'SAFETY_BLOCKED' }),
    );
    expect(() => whole([], { verdict: 'empty' })).toThrow(
      expect.objectContaining({ reason: 'EMPTY_RESPONSE' }),
    );
  });
});
