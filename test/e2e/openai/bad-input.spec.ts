import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { jsonOf } from '../../helpers/rest-answers.js';

const model = 'gemini-3.8-flash';
/** Stands in bodies that are sent here, and must not stand in any log line. */
const GARBAGE = 'garbage-4711';
const user = { role: 'user', content: GARBAGE };
const call = (id: string, args = '{}') => ({
  id,
  type: 'function',
  function: { name: 'find', arguments: args },
});
const image = (url: string) => ({ role: 'user', content: [{ type: 'image_url', image_url: { url } }] });

describe('requests that cannot be answered as they are', () => {
  let under: GatewayUnderTest;
  beforeAll(async () => {
    under = await gatewayUnderTest({ environment: { GATEWAY__SERVER__BODY_LIMIT_BYTES: '1000000' } });
  });
  afterAll(() => under.close());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    jsonOf(under.call(`/openai/v1/${path}`, body, { headers }));
  const chat = (more: object) => post('chat/completions', { model, messages: [user], ...more });

  it.each<[what: string, fields: object, param: string, code: string]>([
    ['an unknown role', { messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    ['no messages', { messages: [] }, 'messages', 'invalid_value'],
    [
      'an empty message',
      { messages: [{ role: 'user', content: '' }] },
      'messages[0].content',
      'invalid_value',
    ],
    [
      'a result without a call',
      { messages: [user, { role: 'tool', tool_call_id: 'x', content: 'y' }] },
      'messages[1].tool_call_id',
      'invalid_value',
    ],
    [
      'arguments that are no JSON',
      {
        messages: [
          user,
          { role: 'assistant', tool_calls: [call('a', `{${GARBAGE}`)] },
          { role: 'tool', tool_call_id: 'a', content: 'y' },
        ],
      },
      'messages[1].tool_calls[0].function.arguments',
      'invalid_value',
    ],
    ['both longest lengths', { max_tokens: 1, max_completion_tokens: 1 }, 'max_tokens', 'invalid_value'],
    ['an unknown field', { temprature: 1 }, 'temprature', 'unknown_parameter'],
    ['a field without a counterpart', { store: true }, 'store', 'unsupported_parameter'],
    [
      'no parallel calls',
      { parallel_tool_calls: false, tools: [{ type: 'function', function: { name: 'find' } }] },
      'parallel_tool_calls',
      'unsupported_parameter',
    ],
    [
      'an image of this machine',
      { messages: [image('https://127.0.0.1/a.png')] },
      'messages[0].content[0].image_url.url',
      'unsupported_parameter',
    ],
    [
      'an image of the metadata server, written otherwise',
      { messages: [image('https://0xA9FEA9FE/a.png')] },
      'messages[0].content[0].image_url.url',
      'unsupported_parameter',
    ],
    [
      'an image of this machine, in IPv6',
      { messages: [image('https://[::ffff:127.0.0.1]/a.png')] },
      'messages[0].content[0].image_url.url',
      'unsupported_parameter',
    ],
    [
      'an image of a file',
      { messages: [image('file:///etc/passwd')] },
      'messages[0].content[0].image_url.url',
      'unsupported_parameter',
    ],
    [
      'an image of broken base64',
      { messages: [{ role: 'system', content: 'x' }, image('data:image/png;base64,!!!!')] },
      'messages[1].content[0].image_url.url',
      'invalid_value',
    ],
    [
      'an image that is none',
      { messages: [image(`data:image/png;base64,${Buffer.from(GARBAGE).toString('base64')}`)] },
      'messages[0].content[0].image_url.url',
      'invalid_value',
    ],
    ['no model', { model: undefined }, 'model', 'invalid_value'],
  ])('chat: %s', async (_what, fields, param, code) => {
    const before = under.upstreamCalls().length;
    const { status, json, headers } = await chat(fields);
    expect({ status, error: json['error'] }).toEqual({
      status: 400,
      error: {
        message: expect.stringContaining(param),
        type: 'invalid_request_error',
        param,
        code,
        gateway: { reason: 'INVALID_REQUEST', request_id: headers['x-request-id'] },
      },
    });
    expect(under.upstreamCalls()).toHaveLength(before);
  });

  it.each<[what: string, path: string, body: object, param: string]>([
    ['a response that is kept', 'responses', { model, input: 'x', store: true }, 'store'],
    [
      'a response after another',
      'responses',
      { model, input: 'x', previous_response_id: 'r' },
      'previous_response_id',
    ],
    ['a response in the background', 'responses', { model, input: 'x', background: true }, 'background'],
    ['a response in a conversation', 'responses', { model, input: 'x', conversation: 'c' }, 'conversation'],
    ['a response to nothing', 'responses', { model, input: [] }, 'input'],
    [
      'an image that is none, in a response',
      'responses',
      {
        model,
        input: [
          { role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,AAAA' }] },
        ],
      },
      'input[0].content[0].image_url',
    ],
    ['tokens to embed', 'embeddings', { model: 'gemini-embedding-001', input: [1, 2] }, 'input'],
    ['nothing to embed', 'embeddings', { model: 'gemini-embedding-001', input: [] }, 'input'],
  ])('%s', async (_what, path, body, param) => {
    const { status, json } = await post(path, body);
    expect({ status, error: json['error'] }).toMatchObject({
      status: 400,
      error: { type: 'invalid_request_error', param },
    });
  });

  it.each<[what: string, body: unknown, status: number, headers?: Record<string, string>]>([
    ['no JSON', '{"model":', 400],
    ['no object', '[]', 400],
    ['nothing', '', 400],
    ['what is too deep', `{"messages":${'['.repeat(200)}${']'.repeat(200)}}`, 400],
    ['what is too much', { messages: 'x'.repeat(1_000_001) }, 413],
    ['what is no JSON by type', 'model=x', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('bodies of %s', async (_what, body, status, headers = {}) => {
    const answer = await post('chat/completions', body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.json['error']).toMatchObject({
      type: 'invalid_request_error',
      message: expect.any(String),
    });
  });

  it('are refused before a stream begins', async () => {
    const { status, headers, json } = await chat({ stream: true, n: 0 });
    expect(status).toBe(400);
    expect(headers['content-type']).toContain('application/json');
    expect(json['error']).toMatchObject({ param: 'n' });
  });

  it('leave no content in the log', () => {
    expect(under.logText()).not.toContain(GARBAGE);
  });
});
