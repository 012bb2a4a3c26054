import { describe, expect, it } from '@jest/globals';
import type { GenerationEvent } from '../../../../src/core/generation.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { NO_USAGE } from '../../../../src/core/usage.js';
import { ChatAnswer } from '../../../../src/providers/openai-compatible/chat-answer.mapper.js';

const USAGE = {
  prompt_tokens: 10,
  completion_tokens: 7,
  total_tokens: 17,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 5 },
};

const whole = (message: JsonObject, finish_reason: string | null = 'stop', more: JsonObject = {}) => ({
  id: 'chatcmpl-1',
  model: 'gpt-x-2026',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }],
  ...more,
});

const delta = (delta: JsonObject, finish_reason: string | null = null, index = 0) => ({
  id: 'chatcmpl-1',
  model: 'gpt-x-2026',
  choices: [{ index, delta, finish_reason }],
  usage: null,
});

function read(...messages: (JsonObject | string)[]): GenerationEvent[] {
  const answer = new ChatAnswer();
  const texts = messages.map((message) => (typeof message === 'string' ? message : JSON.stringify(message)));
  return [...texts.flatMap((text) => answer.decode(text)), answer.finish()];
}

const finishOf = (...messages: JsonObject[]): unknown => read(...messages).at(-1);

const candidatesOf = (...messages: JsonObject[]): unknown[] =>
  read(...messages).flatMap((event) => (event.type === 'chunk' ? (event.value.candidates ?? []) : []));

describe('ChatAnswer', () => {
  it('reads a whole answer as one chunk and a finish, thoughts apart from output', () => {
    const usage = {
      inputTokens: 10,
      cachedTokens: 4,
      toolUseTokens: 0,
      outputTokens: 2,
      thoughtsTokens: 5,
      totalTokens: 17,
    };
    expect(read(whole({ content: 'Hi', reasoning_content: 'Hmm' }, 'stop', { usage: USAGE }))).toEqual([
      {
        type: 'chunk',
        value: {
          candidates: [
            { index: 0, content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' },
          ],
          usageMetadata: {
            promptTokenCount: 10,
            cachedContentTokenCount: 4,
            candidatesTokenCount: 2,
            thoughtsTokenCount: 5,
            totalTokenCount: 17,
          },
          modelVersion: 'gpt-x-2026',
          responseId: 'chatcmpl-1',
        },
        usage,
      },
      { type: 'finish', verdict: 'ok', finishReason: 'STOP', usage, modelVersion: 'gpt-x-2026' },
    ]);
  });

  it('reads a stream: texts as they come, counts at its end, nothing for what says nothing', () => {
    const events = read(
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo' }),
      delta({}, 'stop'),
      { id: 'chatcmpl-1', model: 'gpt-x-2026', choices: [], usage: USAGE },
      ' [DONE] ',
    );
    const values = events.map((event) => (event.type === 'chunk' ? event.value : event));
    expect(values).toMatchObject([
      { candidates: [{ content: { parts: [{ text: 'Hel' }] } }], modelVersion: 'gpt-x-2026' },
      { candidates: [{ content: { parts: [{ text: 'lo' }] } }] },
      { candidates: [{ index: 0, finishReason: 'STOP' }] },
      { usageMetadata: { totalTokenCount: 17 } },
      { type: 'finish', verdict: 'ok', usage: { totalTokens: 17 } },
    ]);
    expect(values[0]).not.toHaveProperty('candidates.0.finishReason');
    expect(events[0]).not.toHaveProperty('usage');
  });

  it('puts tool calls together from their pieces and gives each as one part, in order', () => {
    const call = (index: number, args: string, head: JsonObject = {}) => ({
      index,
      ...head,
      function: { ...(head['id'] === undefined ? {} : { name: `f${index}` }), arguments: args },
    });
    expect(
      candidatesOf(
        delta({ tool_calls: [call(0, '', { id: 'a' })] }),
        delta({ tool_calls: [call(0, '{"x"')] }),
        delta({ tool_calls: [call(0, ':1}'), call(1, '', { id: 'b' })] }),
        delta({}, 'tool_calls'),
      ),
    ).toEqual([
      {
        index: 0,
        finishReason: 'STOP',
        content: {
          role: 'model',
          parts: [
            { functionCall: { id: 'a', name: 'f0', args: { x: 1 } } },
            { functionCall: { id: 'b', name: 'f1', args: {} } },
          ],
        },
      },
    ]);
  });

  it('reads whole tool calls, which have no index', () => {
    const tool_calls = [
      { id: 'a', function: { name: 'f', arguments: '{}' } },
      { function: { name: 'g', arguments: '{}' } },
    ];
    expect(candidatesOf(whole({ content: null, tool_calls }, 'tool_calls'))).toMatchObject([
      {
        content: {
          parts: [{ functionCall: { id: 'a', name: 'f' } }, { functionCall: { name: 'g', args: {} } }],
        },
      },
    ]);
  });

  it.each(['{"x":', '[1]'])('calls a tool call with the arguments %s malformed', (args) => {
    const tool_calls = [{ id: 'a', function: { name: 'f', arguments: args } }];
    expect(finishOf(whole({ tool_calls }, 'tool_calls'))).toMatchObject({
      verdict: 'malformed',
      finishReason: 'MALFORMED_FUNCTION_CALL',
      finishMessage: expect.stringContaining('f'),
    });
  });

  it('calls a tool call that the length bound cut off truncated, not malformed', () => {
    const tool_calls = [{ id: 'a', function: { name: 'f', arguments: '{"x":' } }];
    expect(finishOf(whole({ tool_calls }, 'length'))).toMatchObject({ verdict: 'truncated' });
  });

  it.each([
    ['stop', 'STOP', 'ok'],
    ['tool_calls', 'STOP', 'ok'],
    ['function_call', 'STOP', 'ok'],
    ['length', 'MAX_TOKENS', 'truncated'],
    ['content_filter', 'SAFETY', 'blocked'],
    ['weather', 'OTHER', 'ok'],
  ])('maps the finish reason %s to %s: %s', (reason, finishReason, verdict) => {
    expect(finishOf(whole({ content: 'Hi' }, reason))).toMatchObject({ finishReason, verdict });
  });

  it('calls an answer with nothing in it empty', () => {
    expect(finishOf(whole({ content: '' }))).toMatchObject({ verdict: 'empty', usage: NO_USAGE });
  });

  it('calls a refusal blocked, with the refusal as its message', () => {
    const refused = [delta({ refusal: 'I ' }), delta({ refusal: 'will not.' }), delta({}, 'stop')];
    const ending = { finishReason: 'SAFETY', finishMessage: 'I will not.' };
    expect(finishOf(...refused)).toMatchObject({ verdict: 'blocked', ...ending });
    expect(candidatesOf(...refused)).toEqual([{ index: 0, ...ending }]);
  });

  it('keeps alternatives apart and is judged by the first', () => {
    const messages = [
      delta({ content: 'a' }, null, 1),
      delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }] }),
      delta({}, 'length', 1),
      delta({}, 'tool_calls', 0),
    ];
    expect(candidatesOf(...messages)).toMatchObject([
      { index: 1, content: { parts: [{ text: 'a' }] } },
      { index: 1, finishReason: 'MAX_TOKENS' },
      { index: 0, content: { parts: [{ functionCall: { id: 'c' } }] }, finishReason: 'STOP' },
    ]);
    expect(finishOf(...messages)).toMatchObject({ verdict: 'ok' });
  });

  it('fails with UPSTREAM_PROTOCOL, and what was used, when no finish reason came', () => {
    expect(() => read(delta({ content: 'a' }), { choices: [], usage: USAGE }, '[DONE]')).toThrow(
      expect.objectContaining({
        reason: 'UPSTREAM_PROTOCOL',
        usage: expect.objectContaining({ totalTokens: 17 }),
      }),
    );
  });

  it('throws the error that a message carries', () => {
    expect(() => read({ error: { message: 'Slow down.', type: 'rate_limit_error' } })).toThrow(
      expect.objectContaining({ reason: 'UPSTREAM_RATE_LIMITED' }),
    );
    expect(read({ ...whole({ content: 'a' }), error: null })).toHaveLength(2);
  });

  it('throws UPSTREAM_PROTOCOL for what is no JSON object', () => {
    expect(() => read('<html>')).toThrow(expect.objectContaining({ reason: 'UPSTREAM_PROTOCOL' }));
  });

  it('survives malformed choices, parts and counts', () => {
    const odd = {
      choices: [
        null,
        { delta: 'x' },
        { delta: { content: [1], tool_calls: 'y' }, finish_reason: 3 },
        { delta: { tool_calls: [null, { function: 1 }] } },
        { finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 'many', completion_tokens: -1, completion_tokens_details: 3 },
    } as unknown as JsonObject;
    expect(finishOf(odd)).toMatchObject({ finishReason: 'STOP', usage: NO_USAGE });
  });
});
