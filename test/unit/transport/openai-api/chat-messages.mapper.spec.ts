import { describe, expect, it } from '@jest/globals';
import type { Content } from '../../../../src/core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { toConversation } from '../../../../src/transport/openai-api/chat-messages.mapper.js';
import { refusalOf } from './fixtures.js';

const PNG = 'iVBORw0KGgo=';

const user = (content: JsonValue): JsonObject => ({ role: 'user', content });
const call = (id: string, name = 'find', args = '{"place":"here"}'): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const calls = (...tool_calls: JsonObject[]): JsonObject => ({ role: 'assistant', content: null, tool_calls });
const result = (tool_call_id: string, content: JsonValue = 'found'): JsonObject => ({
  role: 'tool',
  tool_call_id,
  content,
});

const contentsOf = (...messages: JsonObject[]): Content[] => toConversation(messages).contents;
const partsOf = (content: JsonValue): unknown => contentsOf(user(content))[0]?.parts;
const param = (...messages: JsonValue[]): string | undefined =>
  refusalOf(() => toConversation(messages)).param;

describe('messages as contents', () => {
  it('keep their order and their roles; instructions of both kinds stand apart, in order', () => {
    const { contents, system } = toConversation([
      { role: 'system', content: 'Be kind.' },
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'Be brief.' },
          { type: 'text', text: 'Be true.' },
        ],
      },
      user('one'),
      { role: 'assistant', content: 'two' },
      { role: 'system', content: 'Be late.' },
      user([
        { type: 'text', text: 'three' },
        { type: 'text', text: 'four' },
      ]),
    ]);
    expect(system).toEqual(['Be kind.', 'Be brief.', 'Be true.', 'Be late.'].map((text) => ({ text })));
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'one' }] },
      { role: 'model', parts: [{ text: 'two' }] },
      { role: 'user', parts: [{ text: 'three' }, { text: 'four' }] },
    ]);
  });

  it('give back what the model thought, said and refused', () => {
    expect(
      contentsOf(user('hi'), {
        role: 'assistant',
        reasoning_content: 'Hm.',
        content: [
          { type: 'text', text: 'Yes' },
          { type: 'refusal', refusal: 'but no' },
        ],
        refusal: 'No.',
        gateway: { finish_reason: 'SAFETY' },
        annotations: [],
      })[1],
    ).toEqual({
      role: 'model',
      parts: [{ text: 'Hm.', thought: true }, { text: 'Yes' }, { text: 'but no' }, { text: 'No.' }],
    });
  });

  it('are a content each, also where the model speaks twice', () => {
    const twice = contentsOf(
      user('one'),
      { role: 'assistant', content: 'a' },
      { role: 'assistant', content: 'b' },
    );
    expect(twice.map(({ parts }) => parts)).toEqual([[{ text: 'one' }], [{ text: 'a' }], [{ text: 'b' }]]);
  });

  it('refuse what is no list of messages', () => {
    for (const messages of [undefined, null, 'hi', {}])
      expect(refusalOf(() => toConversation(messages as JsonValue)).param).toBe('messages');
    expect(refusalOf(() => toConversation([])).message).toBe('"messages" must not be empty.');
    expect(param('hi')).toBe('messages[0]');
    expect(param({ role: 'system', content: 'Only this.' })).toBe('messages');
  });

  it.each<[JsonObject, string]>([
    [{ role: 'robot', content: 'x' }, 'messages[0].role'],
    [{ content: 'x' }, 'messages[0].role'],
    [{ role: 'function', name: 'f', content: 'x' }, 'messages[0].role'],
    [{ role: 'user', content: 'x', name: 'Ann' }, 'messages[0].name'],
    [{ role: 'user', content: 'x', mood: 'good' }, 'messages[0].mood'],
    [{ role: 'user' }, 'messages[0].content'],
    [{ role: 'user', content: '' }, 'messages[0].content'],
    [{ role: 'user', content: [] }, 'messages[0].content'],
    [{ role: 'user', content: 7 }, 'messages[0].content'],
    [{ role: 'user', content: [{ type: 'text', text: '' }] }, 'messages[0].content[0].text'],
    [{ role: 'user', content: [{ type: 'text' }] }, 'messages[0].content[0].text'],
    [{ role: 'user', content: [{ type: 'smell' }] }, 'messages[0].content[0].type'],
    [{ role: 'user', content: [{ type: 'refusal', refusal: 'x' }] }, 'messages[0].content[0].type'],
    [{ role: 'user', content: ['x'] }, 'messages[0].content[0]'],
    [
      { role: 'user', content: [{ type: 'text', text: 'x', prompt_cache_breakpoint: { mode: 'explicit' } }] },
      'messages[0].content[0].prompt_cache_breakpoint',
    ],
    [{ role: 'system', content: '' }, 'messages[0].content'],
    [
      { role: 'system', content: [{ type: 'image_url', image_url: { url: 'data:' } }] },
      'messages[0].content[0].type',
    ],
    [{ role: 'assistant', content: '' }, 'messages[0].content'],
    [{ role: 'assistant', content: null }, 'messages[0].content'],
    [{ role: 'assistant', content: null, tool_calls: [] }, 'messages[0].content'],
    [{ role: 'assistant', content: 'x', audio: { id: 'a' } }, 'messages[0].audio'],
    [{ role: 'assistant', content: 'x', function_call: { name: 'f' } }, 'messages[0].function_call'],
    [{ role: 'assistant', content: 'x', annotations: [{}] }, 'messages[0].annotations'],
  ])('refuse %j', (message, field) => {
    expect(param(message)).toBe(field);
  });
});

describe('tools in a conversation', () => {
  it('have the names of their calls in the results, whose order is that of the calls', () => {
    expect(
      contentsOf(
        user('go'),
        { ...calls(call('a', 'find'), call('b', 'read', '')), content: 'I look.' },
        result('b', '{"degrees":4}'),
        result('a'),
        { role: 'assistant', content: 'Four.' },
      ),
    ).toEqual([
      { role: 'user', parts: [{ text: 'go' }] },
      {
        role: 'model',
        parts: [
          { text: 'I look.' },
          { functionCall: { name: 'find', args: { place: 'here' } } },
          { functionCall: { name: 'read', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'find', response: { output: 'found' } } },
          { functionResponse: { name: 'read', response: { degrees: 4 } } },
        ],
      },
      { role: 'model', parts: [{ text: 'Four.' }] },
    ]);
  });

  it.each<[JsonValue, JsonObject]>([
    ['', { output: '' }],
    ['plain', { output: 'plain' }],
    ['[1,2]', { output: '[1,2]' }],
    ['{broken', { output: '{broken' }],
    [' {"a":1}', { a: 1 }],
    ['{"id":12345678901234567890}', { output: '{"id":12345678901234567890}' }],
    [`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`, { output: expect.any(String) as never }],
    [
      [
        { type: 'text', text: 'one' },
        { type: 'text', text: 'two' },
      ],
      { output: 'onetwo' },
    ],
  ])('have the result %j as %j', (content, response) => {
    expect(contentsOf(user('go'), calls(call('a')), result('a', content))[2]).toEqual({
      role: 'user',
      parts: [{ functionResponse: { name: 'find', response } }],
    });
  });

  it('have their results before what the user says next', () => {
    const contents = contentsOf(user('go'), calls(call('a')), result('a'), user('and then?'));
    expect(contents.map(({ role, parts }) => [role, Object.keys(parts?.[0] ?? {})])).toEqual([
      ['user', ['text']],
      ['model', ['functionCall']],
      ['user', ['functionResponse']],
      ['user', ['text']],
    ]);
  });

  it('are returned parts, of which the first of each step must be signed', () => {
    const { returned, contents } = toConversation([
      user('go'),
      calls(call('a'), call('b')),
      result('a'),
      result('b'),
      calls(call('c')),
      result('c'),
    ]);
    expect(returned.map(({ id, required }) => [id, required])).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
    ]);
    expect(returned[1]?.part).toBe(contents[1]?.parts?.[1]);
    expect(returned[1]?.response).toBe(contents[2]?.parts?.[1]?.functionResponse);
  });

  it('carry a signature that the caller brings along where Google’s own endpoint has it', () => {
    const signed = { ...call('a'), extra_content: { google: { thought_signature: 'sig' } } };
    expect(contentsOf(user('go'), calls(signed), result('a'))[1]?.parts?.[0]).toMatchObject({
      thoughtSignature: 'sig',
    });
    const at = 'messages[1].tool_calls[0].extra_content';
    const extra = (extra_content: JsonObject): JsonObject[] => [
      user('go'),
      calls({ ...call('a'), extra_content }),
      result('a'),
    ];
    expect(param(...extra({ other: {} }))).toBe(`${at}.other`);
    expect(param(...extra({ google: { more: 1 } }))).toBe(`${at}.google.more`);
    expect(param(...extra({ google: { thought_signature: 1 } }))).toBe(`${at}.google.thought_signature`);
  });

  it.each<[string, JsonObject[], string]>([
    ['a result without a call', [user('go'), result('a')], 'messages[1].tool_call_id'],
    ['a result of another call', [user('go'), calls(call('a')), result('b')], 'messages[2].tool_call_id'],
    [
      'a result of a call of an earlier step',
      [user('go'), calls(call('a')), result('a'), calls(call('b')), result('b'), result('a')],
      'messages[5].tool_call_id',
    ],
    [
      'two results of one call',
      [user('go'), calls(call('a')), result('a'), result('a')],
      'messages[3].tool_call_id',
    ],
    ['a call without a result', [user('go'), calls(call('a'))], 'messages[1].tool_calls[0].id'],
    [
      'a call without a result before more talk',
      [user('go'), calls(call('a'), call('b')), result('a'), user('well?')],
      'messages[1].tool_calls[1].id',
    ],
    [
      'a call without a result before the next call',
      [user('go'), calls(call('a')), calls(call('b'))],
      'messages[1].tool_calls[0].id',
    ],
    [
      'two calls of one id',
      [user('go'), calls(call('a'), call('a')), result('a')],
      'messages[1].tool_calls[1].id',
    ],
    ['a call without an id', [user('go'), calls({ ...call('a'), id: '' })], 'messages[1].tool_calls[0].id'],
    [
      'a call of another kind',
      [user('go'), calls({ id: 'a', type: 'custom', custom: { name: 'x', input: '' } })],
      'messages[1].tool_calls[0].type',
    ],
    [
      'a call with a field that nobody knows',
      [user('go'), calls({ ...call('a'), mood: 1 })],
      'messages[1].tool_calls[0].mood',
    ],
    [
      'a call without a name',
      [user('go'), calls({ id: 'a', type: 'function', function: { arguments: '{}' } })],
      'messages[1].tool_calls[0].function.name',
    ],
    [
      'a result with the name of another function',
      [user('go'), calls(call('a')), { ...result('a'), name: 'read' }],
      'messages[2].name',
    ],
  ])('refuse %s', (_what, messages, field) => {
    expect(param(...messages)).toBe(field);
  });

  it.each(['not json', '[1]', '"text"', 'null', '{"a":}', '{'.repeat(300)])(
    'refuse the arguments %s',
    (args) => {
      const { param, message } = refusalOf(() =>
        toConversation([user('go'), calls(call('a', 'find', args)), result('a')]),
      );
      expect(param).toBe('messages[1].tool_calls[0].function.arguments');
      expect(message).toBe(`"${param}" must be a JSON object as text.`);
    },
  );

  it('take the name in a result where it is the right one', () => {
    expect(contentsOf(user('go'), calls(call('a')), { ...result('a'), name: 'find' })).toHaveLength(3);
  });
});

describe('media in messages', () => {
  const image = (url: string, more: JsonObject = {}): JsonObject => ({
    type: 'image_url',
    image_url: { url, ...more },
  });

  it('go inline from data URLs, sound and files', () => {
    expect(
      partsOf([
        { type: 'text', text: 'look' },
        image(`data:image/png;base64,${PNG}`),
        image(`data:image/JPEG;charset=utf-8;base64,${PNG}`),
        { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
        { type: 'file', file: { file_data: `data:application/pdf;base64,AAAA`, filename: 'x.pdf' } },
        { type: 'file', file: { file_data: 'AAAA', filename: 'notes.TXT' } },
      ]),
    ).toEqual([
      { text: 'look' },
      { inlineData: { mimeType: 'image/png', data: PNG } },
      { inlineData: { mimeType: 'image/jpeg', data: PNG } },
      { inlineData: { mimeType: 'audio/mp3', data: 'AAAA' } },
      { inlineData: { mimeType: 'application/pdf', data: 'AAAA' } },
      { inlineData: { mimeType: 'text/plain', data: 'AAAA' } },
    ]);
  });

  it('say how closely the model is to look', () => {
    const resolutions = ['auto', 'low', 'high', 'original'].map((detail) => {
      const [part] = partsOf([image(`data:image/png;base64,${PNG}`, { detail })]) as JsonObject[];
      return part?.['mediaResolution'];
    });
    expect(resolutions).toEqual([
      undefined,
      { level: 'MEDIA_RESOLUTION_LOW' },
      { level: 'MEDIA_RESOLUTION_HIGH' },
      { level: 'MEDIA_RESOLUTION_ULTRA_HIGH' },
    ]);
  });

  it('are left for Google to read where they are public URLs', () => {
    expect(partsOf([image('https://example.com/a/heron.JPG?size=2#top')])).toEqual([
      { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/a/heron.JPG?size=2#top' } },
    ]);
  });

  it('remember the field that they came from', () => {
    const { origins } = toConversation([
      { role: 'system', content: 'x' },
      user('one'),
      user([{ type: 'text', text: 'look' }, image(`data:image/png;base64,${PNG}`)]),
    ]);
    expect([...origins]).toEqual([['contents[1].parts[1]', 'messages[2].content[1].image_url.url']]);
  });

  it('are read by the gateway where it is told to, whatever their URL ends in', () => {
    const messages = [user([image('https://images.example.com/heron'), image('https://example.com/a.png')])];
    const reads = ({ hostname }: URL): boolean => hostname === 'images.example.com';
    const { remote, contents } = toConversation(messages, reads);
    expect(remote).toEqual([
      {
        part: contents[0]?.parts?.[0],
        url: new URL('https://images.example.com/heron'),
        family: 'image/',
        path: 'messages[0].content[0].image_url.url',
      },
    ]);
    expect(remote[0]?.part).toBe(contents[0]?.parts?.[0]);
    expect(contents[0]?.parts?.[1]).toMatchObject({ fileData: { mimeType: 'image/png' } });
  });

  const at = 'messages[0].content[0]';
  it.each<[JsonObject, string]>([
    [image(''), `${at}.image_url.url`],
    [image('not a url'), `${at}.image_url.url`],
    [image('data:image/png,plain'), `${at}.image_url.url`],
    [image('data:;base64,AAAA'), `${at}.image_url.url`],
    [image('data:image/png;base64,'), `${at}.image_url.url`],
    [image('http://example.com/a.png'), `${at}.image_url.url`],
    [image('file:///etc/passwd.png'), `${at}.image_url.url`],
    [image('gs://bucket/a.png'), `${at}.image_url.url`],
    [image('https://example.com/a'), `${at}.image_url.url`],
    [image('https://example.com/a.pdf'), `${at}.image_url.url`],
    [image('https://user:secret@example.com/a.png'), `${at}.image_url.url`],
    [image(`data:image/png;base64,${PNG}`, { detail: 'huge' }), `${at}.image_url.detail`],
    [image(`data:image/png;base64,${PNG}`, { alt: 'x' }), `${at}.image_url.alt`],
    [{ type: 'image_url', image_url: 'https://example.com/a.png' }, `${at}.image_url`],
    [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'midi' } }, `${at}.input_audio.format`],
    [{ type: 'input_audio', input_audio: { format: 'wav' } }, `${at}.input_audio.data`],
    [{ type: 'file', file: { file_id: 'file-1' } }, `${at}.file.file_id`],
    [{ type: 'file', file: { file_data: 'AAAA' } }, `${at}.file.file_data`],
    [{ type: 'file', file: { file_data: 'AAAA', filename: 'x.exe' } }, `${at}.file.file_data`],
    [{ type: 'file', file: {} }, `${at}.file.file_data`],
  ])('are refused: %j', (part, field) => {
    const refusal = refusalOf(() => toConversation([user([part])]));
    expect(refusal.param).toBe(field);
    expect(refusal.message).not.toContain('secret');
  });
});
