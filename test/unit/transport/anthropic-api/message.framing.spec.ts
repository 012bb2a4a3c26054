import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { FinishEvent, GenerationEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { toMessage } from '../../../../src/transport/anthropic-api/message-answer.mapper.js';
import { messageFraming } from '../../../../src/transport/anthropic-api/message.framing.js';
import { finishFixture, usageFixture } from '../../../helpers/calls.js';
import { chunkOf, contextFixture, sse } from './fixtures.js';

const thought = (text: string): Part => ({ text, thought: true });

/** The events that a stream writes. */
function written(events: readonly GenerationEvent[]): JsonObject[] {
  const framing = messageFraming(contextFixture());
  expect([framing.contentType, framing.opening]).toEqual(['text/event-stream; charset=utf-8', '']);
  const text = events.map((event) => framing.event(event)).join('') + framing.closing;
  return sse(text).map(([event, data]) => {
    expect(data['type']).toBe(event);
    return data;
  });
}

/** The message that a client makes of the events. */
function assembled(events: readonly JsonObject[]): JsonObject {
  let message: JsonObject = {};
  const content: JsonObject[] = [];
  for (const event of events) {
    const delta = event['delta'] as JsonObject | undefined;
    const block = content.at(-1);
    switch (event['type'] as string) {
      case 'message_start':
        message = event['message'] as JsonObject;
        break;
      case 'content_block_start':
        expect(event['index']).toBe(content.length);
        content.push({ ...(event['content_block'] as JsonObject) });
        break;
      case 'content_block_delta':
        expect(event['index']).toBe(content.length - 1);
        if (block !== undefined && delta !== undefined) add(block, delta);
        break;
      case 'message_delta': {
        const { type: _, delta: __, usage, ...more } = event;
        message = { ...message, ...delta, ...more };
        message['usage'] = { ...(message['usage'] as JsonObject), ...(usage as JsonObject) };
      }
    }
  }
  return { ...message, content };
}

function add(block: JsonObject, { type, ...added }: JsonObject): void {
  for (const [name, value] of Object.entries(added))
    if (type === 'input_json_delta') block['input'] = JSON.parse(value as string) as JsonObject;
    else block[name] = `${block[name] as string}${value as string}`;
}

describe('a streamed message', () => {
  it('has its events in Anthropic’s order', () => {
    const script = [
      chunkOf([thought('Hm.')]),
      chunkOf([{ text: 'Good ', thoughtSignature: 'sig' }]),
      chunkOf([{ text: 'day "\n"' }]),
      finishFixture(),
    ];
    expect(written(script)).toEqual([
      { type: 'message_start', message: expect.objectContaining({ content: [], stop_reason: null }) },
      {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'thinking', thinking: '', signature: '' },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm.' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'gemini.sig' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Good ' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'day "\n"' } },
      { type: 'content_block_stop', index: 1 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null, container: null },
        usage: expect.objectContaining({ input_tokens: 3, output_tokens: 5 }),
      },
      { type: 'message_stop' },
    ]);
  });

  it('begins with the tokens that are known by then', () => {
    const chunk = { ...chunkOf([{ text: 'x' }]), usage: usageFixture(7, 1) };
    expect(written([chunk, finishFixture()])[0]).toMatchObject({
      message: { usage: { input_tokens: 7, output_tokens: 1 } },
    });
  });

  it('is a message even where nothing was said', () => {
    const finish = finishFixture({ verdict: 'truncated', finishReason: 'MAX_TOKENS' });
    for (const script of [[finish], [chunkOf([]), finish]])
      expect(written(script).map(({ type }) => type)).toEqual([
        'message_start',
        'message_delta',
        'message_stop',
      ]);
  });

  it('comes to the same message as a whole one, however it is cut', () => {
    // U+2028 ends a line for regular expressions, and for nobody who reads events.
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
      fc.constant('\u2028\n\r'),
    );
    const signed = fc
      .option(fc.constantFrom('one', 'two'), { nil: undefined })
      .map((thoughtSignature) => (thoughtSignature === undefined ? {} : { thoughtSignature }));
    const part: fc.Arbitrary<Part> = fc.oneof(
      fc.tuple(text, signed).map(([said, signature]) => ({ text: said, ...signature })),
      text.map(thought),
      fc
        .tuple(fc.constantFrom('find', 'read'), signed, fc.dictionary(text, text, { noNullPrototype: true }))
        .map(([name, signature, args]) => ({ functionCall: { name, args }, ...signature })),
      fc.constant({ inlineData: { mimeType: 'image/png', data: 'AAAA' } }),
      fc.constant({ text: '', thoughtSignature: 'three' }),
    );
    const ends: fc.Arbitrary<Partial<FinishEvent>> = fc.constantFrom(
      {},
      { verdict: 'truncated', finishReason: 'MAX_TOKENS' },
      { verdict: 'blocked', finishReason: 'SAFETY', finishMessage: 'No.' },
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(part, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        ends,
        (cuts, end) => {
          const chunks = cuts.map((parts) => chunkOf(parts));
          const finish = finishFixture(end);
          const streamed = contextFixture();
          const framing = messageFraming(streamed);
          const events = [...chunks, finish].map((event) => framing.event(event)).join('') + framing.closing;
          const whole = contextFixture();
          expect(assembled(sse(events).map(([, data]) => data))).toEqual(
            toMessage(whole, { chunks, finish }),
          );
          expect(streamed.keptCalls).toEqual(whole.keptCalls);
        },
      ),
    );
  });

  it.each<[string, GenerationEvent[], Partial<FinishEvent>, string]>([
    ['an empty answer', [chunkOf([])], { verdict: 'empty' }, 'EMPTY_RESPONSE'],
    [
      'a malformed call',
      [chunkOf([{ text: 'x' }])],
      { verdict: 'malformed', finishReason: 'MALFORMED_FUNCTION_CALL' },
      'UPSTREAM_PROTOCOL',
    ],
  ])('fails at the end of %s', (_what, script, finish, reason) => {
    const framing = messageFraming(contextFixture());
    for (const event of script) framing.event(event);
    expect(() => framing.event(finishFixture(finish))).toThrow(expect.objectContaining({ reason }));
  });

  it('fails in one event, in the shape of an error', () => {
    const framing = messageFraming(contextFixture());
    const failure = framing.failure(new GatewayError('UPSTREAM_OVERLOADED', 'Too much at once.'));
    expect(sse(failure)).toEqual([
      [
        'error',
        {
          type: 'error',
          error: {
            type: 'overloaded_error',
            message: 'Too much at once.',
            gateway: { reason: 'UPSTREAM_OVERLOADED' },
          },
          request_id: 'r-1',
        },
      ],
    ]);
  });
});
