import { describe, expect, it } from '@jest/globals';
import type { Content } from '../../../../src/core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { toConversation } from '../../../../src/transport/anthropic-api/messages.mapper.js';
import { refusalOf } from './fixtures.js';

const PNG = 'iVBORw0KGgo=';

const user = (content: JsonValue): JsonObject => ({ role: 'user', content });
const assistant = (...content: JsonObject[]): JsonObject => ({ role: 'assistant', content });
const call = (id: string, name = 'find'): JsonObject => ({
  type: 'tool_use',
  id,
  name,
  input: { place: 'here' },
});
const result = (tool_use_id: string, content: JsonValue = 'found', more: JsonObject = {}): JsonObject => ({
  type: 'tool_result',
  tool_use_id,
  content,
  ...more,
});

const contentsOf = (...messages: JsonObject[]): Content[] => toConversation({ messages }).contents;
const fieldOf = (...messages: JsonValue[]): string | undefined =>
  refusalOf(() => toConversation({ messages })).field;

describe('messages as contents', () => {
  it('keep their order and their roles; instructions stand apart, those of the request first', () => {
    const { contents, system } = toConversation({
      system: [
        { type: 'text', text: 'Be kind.' },
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
      ],
      messages: [
        user('one'),
        { role: 'assistant', content: 'two' },
        { role: 'system', content: 'Be late.' },
        user([
          { type: 'text', text: 'three' },
          { type: 'text', text: 'four' },
        ]),
      ],
    });
    expect(system).toEqual(['Be kind.', 'Be brief.', 'Be late.'].map((text) => ({ text })));
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'one' }] },
      { role: 'model', parts: [{ text: 'two' }] },
      { role: 'user', parts: [{ text: 'three' }, { text: 'four' }] },
    ]);
    expect(toConversation({ system: 'Be kind.', messages: [user('hi')] }).system).toEqual([
      { text: 'Be kind.' },
    ]);
  });

  it.each<[JsonValue[], string]>([
    [[], 'messages'],
    [['hi'], 'messages[0]'],
    [[{ role: 'system', content: 'Only this.' }], 'messages'],
    [[user('x'), { role: 'assistant', content: 'I begin' }], 'messages'],
    [[{ role: 'robot', content: 'x' }], 'messages[0].role'],
    [[{ content: 'x' }], 'messages[0].role'],
    [[{ role: 'user', content: 'x', name: 'Ann' }], 'messages[0].name'],
    [[{ role: 'user' }], 'messages[0].content'],
    [[user('')], 'messages[0].content'],
    [[user([])], 'messages[0].content'],
    [[user(7)], 'messages[0].content'],
    [[user(['x'])], 'messages[0].content[0]'],
    [[user([{ type: 'text', text: '' }])], 'messages[0].content[0].text'],
    [[user([{ type: 'smell' }])], 'messages[0].content[0].type'],
    [[user([call('a')])], 'messages[0].content[0].type'],
    [[user([{ type: 'text', text: 'x', mood: 1 }])], 'messages[0].content[0].mood'],
    [[{ role: 'system', content: [{ type: 'image' }] }], 'messages[0].content[0].type'],
    [[user('x'), assistant(result('a'))], 'messages[1].content[0].type'],
  ])('refuse %j', (messages, field) => {
    expect(fieldOf(...messages)).toBe(field);
  });

  it('refuse what is no list, and empty instructions', () => {
    for (const messages of [undefined, null, 'hi', {}])
      expect(refusalOf(() => toConversation({ messages })).field).toBe('messages');
    expect(refusalOf(() => toConversation({ system: '', messages: [user('x')] })).field).toBe('system');
  });
});

describe('thoughts in a conversation', () => {
  const thinking = (signature: string, text = 'Hm.'): JsonObject => ({
    type: 'thinking',
    thinking: text,
    signature,
  });
  const modelParts = (...content: JsonObject[]): unknown =>
    contentsOf(user('go'), assistant(...content), user('on'))[1]?.parts;

  it('are thoughts again, and their signature is back at the part behind them', () => {
    expect(modelParts(thinking('gemini.sig'), { type: 'text', text: 'Yes.' })).toEqual([
      { text: 'Hm.', thought: true },
      { text: 'Yes.', thoughtSignature: 'sig' },
    ]);
    const [, model] = contentsOf(
      user('go'),
      assistant(thinking('gemini.sig'), call('a'), call('b')),
      user([result('a'), result('b')]),
    );
    expect(model?.parts).toEqual([
      { text: 'Hm.', thought: true },
      { functionCall: { name: 'find', args: { place: 'here' } }, thoughtSignature: 'sig' },
      { functionCall: { name: 'find', args: { place: 'here' } } },
    ]);
  });

  it('sign nothing where another model signed them, or nobody did', () => {
    for (const signature of ['ErUBCkYIARgC', ''])
      expect(modelParts(thinking(signature), { type: 'text', text: 'Yes.' })).toEqual([
        { text: 'Hm.', thought: true },
        { text: 'Yes.' },
      ]);
  });

  it('may be kept from view: their signature counts all the same', () => {
    expect(modelParts(thinking('gemini.sig', ''), { type: 'text', text: 'Yes.' })).toEqual([
      { text: 'Yes.', thoughtSignature: 'sig' },
    ]);
  });

  it('must have a text and a signature', () => {
    const at = 'messages[1].content[0]';
    const refused = (block: JsonObject): string | undefined =>
      fieldOf(user('go'), assistant(block), user('on'));
    expect(refused({ type: 'thinking', thinking: 'x' })).toBe(`${at}.signature`);
    expect(refused({ type: 'thinking', signature: 'x' })).toBe(`${at}.thinking`);
    expect(refused({ type: 'redacted_thinking', data: 'x' })).toBe(`${at}.type`);
  });
});

describe('tools in a conversation', () => {
  it('have the names of their calls in the results, whose order is that of the calls', () => {
    expect(
      contentsOf(
        user('go'),
        assistant({ type: 'text', text: 'I look.' }, call('a'), call('b', 'read')),
        user([result('b', '{"degrees":4}'), result('a'), { type: 'text', text: 'Well?' }]),
        assistant({ type: 'text', text: 'Four.' }),
        user('Thanks'),
      ),
    ).toEqual([
      { role: 'user', parts: [{ text: 'go' }] },
      {
        role: 'model',
        parts: [
          { text: 'I look.' },
          { functionCall: { name: 'find', args: { place: 'here' } } },
          { functionCall: { name: 'read', args: { place: 'here' } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'find', response: { output: 'found' } } },
          { functionResponse: { name: 'read', response: { degrees: 4 } } },
        ],
      },
      { role: 'user', parts: [{ text: 'Well?' }] },
      { role: 'model', parts: [{ text: 'Four.' }] },
      { role: 'user', parts: [{ text: 'Thanks' }] },
    ]);
  });

  it.each<[JsonValue, JsonObject, JsonObject]>([
    ['', {}, { response: { output: '' } }],
    [[], {}, { response: { output: '' } }],
    [null, {}, { response: { output: '' } }],
    ['plain', {}, { response: { output: 'plain' } }],
    ['plain', { is_error: false }, { response: { output: 'plain' } }],
    ['{"a":1}', { is_error: true }, { response: { error: '{"a":1}' } }],
    [
      [
        { type: 'text', text: 'one' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
        { type: 'text', text: 'two' },
      ],
      {},
      {
        response: { output: 'one\ntwo' },
        parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }],
      },
    ],
  ])('have the result %j with %j as %j', (content, more, response) => {
    expect(contentsOf(user('go'), assistant(call('a')), user([result('a', content, more)]))[2]).toEqual({
      role: 'user',
      parts: [{ functionResponse: { name: 'find', ...response } }],
    });
  });

  it('are returned parts, of which the first of each step must be signed', () => {
    const { returned, contents } = toConversation({
      messages: [
        user('go'),
        assistant(call('a'), call('b')),
        user([result('a'), result('b')]),
        assistant(call('c')),
        user([result('c')]),
      ],
    });
    expect(returned.map(({ id, required }) => [id, required])).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
    expect(returned[1]?.part).toBe(contents[1]?.parts?.[1]);
  });

  it.each<[string, JsonObject[], string]>([
    ['a result without a call', [user([result('a')])], 'messages[0].content[0].tool_use_id'],
    [
      'a result of another call',
      [user('go'), assistant(call('a')), user([result('b')])],
      'messages[2].content[0].tool_use_id',
    ],
    [
      'two results of one call',
      [user('go'), assistant(call('a')), user([result('a'), result('a')])],
      'messages[2].content[1].tool_use_id',
    ],
    [
      'a result behind other things',
      [user('go'), assistant(call('a')), user([{ type: 'text', text: 'x' }, result('a')])],
      'messages[2].content[1]',
    ],
    [
      'a call without a result',
      [user('go'), assistant(call('a'), call('b')), user([result('a')])],
      'messages[1].content[1].id',
    ],
    [
      'a call with talk in its place',
      [user('go'), assistant(call('a')), user('x')],
      'messages[1].content[0].id',
    ],
    ['two calls of one id', [user('go'), assistant(call('a'), call('a'))], 'messages[1].content[1].id'],
    ['a call without an id', [user('go'), assistant({ ...call('a'), id: '' })], 'messages[1].content[0].id'],
    [
      'a call without a name',
      [user('go'), assistant({ type: 'tool_use', id: 'a', input: {} })],
      'messages[1].content[0].name',
    ],
    [
      'a call whose input is no object',
      [user('go'), assistant({ ...call('a'), input: '{}' })],
      'messages[1].content[0].input',
    ],
    [
      'a call by a server-side tool',
      [user('go'), assistant({ ...call('a'), caller: { type: 'code_execution_20250825', tool_id: 'x' } })],
      'messages[1].content[0].caller',
    ],
    [
      'an error that is not said plainly',
      [user('go'), assistant(call('a')), user([result('a', 'x', { is_error: 'yes' })])],
      'messages[2].content[0].is_error',
    ],
    [
      'a search in a result',
      [user('go'), assistant(call('a')), user([result('a', [{ type: 'search_result' }])])],
      'messages[2].content[0].content[0].type',
    ],
  ])('refuse %s', (_what, messages, field) => {
    expect(fieldOf(...messages)).toBe(field);
  });
});
