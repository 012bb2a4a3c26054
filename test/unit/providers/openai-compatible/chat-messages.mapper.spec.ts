import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { toMessages } from '../../../../src/providers/openai-compatible/chat-messages.mapper.js';

const user = (...parts: JsonObject[]): JsonObject => ({ role: 'user', parts });
const model = (...parts: JsonObject[]): JsonObject => ({ role: 'model', parts });
const messages = (...contents: JsonObject[]): JsonObject[] => toMessages({ contents });
const call = (id: string, name: string, args: string): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

/** Fields at fault in themselves; all others are good, and only have no counterpart. */
const MISTAKES = new Set([
  'contents[0].role',
  'contents[0].parts',
  'contents[0].parts[0]',
  'contents[0].parts[0].text',
  'contents[0].parts[0].inlineData.data',
  'contents[0].parts[0].functionCall.name',
  'contents[0].parts[0].functionResponse',
]);
const reasonOf = (field: string) => (MISTAKES.has(field) ? 'INVALID_REQUEST' : 'UNIMPLEMENTED');

describe('toMessages', () => {
  it('puts the system instruction first and keeps the turns', () => {
    const systemInstruction = { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] };
    const contents = [
      { parts: [{ text: 'Hi' }] },
      model({ text: 'Hel' }, { text: 'lo' }),
      user({ text: 'Bye' }),
    ];
    expect(toMessages({ systemInstruction, contents })).toEqual([
      { role: 'system', content: 'Be brief.\nBe kind.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'Bye' },
    ]);
  });

  it('leaves out thoughts and their signatures', () => {
    const thought = { text: 'Hmm', thought: true };
    expect(messages(model(thought, { text: 'Yes', thoughtSignature: 'abc' }), model(thought))).toEqual([
      { role: 'assistant', content: 'Yes' },
    ]);
  });

  it('sends media beside text', () => {
    const inline = (mimeType: string, more: JsonObject = {}) => ({
      inlineData: { mimeType, data: 'AAAA', ...more },
    });
    const message = messages(
      user(
        { text: 'Look' },
        inline('image/png'),
        inline('audio/mpeg'),
        inline('audio/wav'),
        inline('application/pdf', { displayName: 'bill.pdf' }),
        inline('text/plain'),
        { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/a.jpg' } },
      ),
    );
    expect(message).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
          { type: 'file', file: { filename: 'bill.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
          { type: 'file', file: { filename: 'document.plain', file_data: 'data:text/plain;base64,AAAA' } },
          { type: 'image_url', image_url: { url: 'https://example.com/a.jpg' } },
        ],
      },
    ]);
  });

  it('keeps the ids of tool calls', () => {
    expect(
      messages(
        model({ text: 'Let me see.' }, { functionCall: { id: 'x1', name: 'look', args: { at: 1 } } }),
        user({ functionResponse: { id: 'x1', name: 'look', response: { seen: true } } }),
      ),
    ).toEqual([
      { role: 'assistant', content: 'Let me see.', tool_calls: [call('x1', 'look', '{"at":1}')] },
      { role: 'tool', tool_call_id: 'x1', content: '{"seen":true}' },
    ]);
  });

  it('makes up missing ids, the same ones each time, and matches answers in the order of the calls', () => {
    const contents = [
      model({ functionCall: { name: 'look', args: { at: 1 } } }, { functionCall: { name: 'look' } }),
      user(
        { text: 'Here:' },
        { functionResponse: { name: 'look', response: { n: 1 } } },
        { functionResponse: { name: 'look', response: { n: 2 } } },
      ),
      model({ functionCall: { name: 'look' } }),
      { role: 'function', parts: [{ functionResponse: { name: 'look' } }] },
    ];
    const expected = [
      {
        role: 'assistant',
        content: null,
        tool_calls: [call('call_0', 'look', '{"at":1}'), call('call_1', 'look', '{}')],
      },
      { role: 'tool', tool_call_id: 'call_0', content: '{"n":1}' },
      { role: 'tool', tool_call_id: 'call_1', content: '{"n":2}' },
      { role: 'user', content: 'Here:' },
      { role: 'assistant', content: null, tool_calls: [call('call_2', 'look', '{}')] },
      { role: 'tool', tool_call_id: 'call_2', content: '{}' },
    ];
    expect(messages(...contents)).toEqual(expected);
    expect(messages(...contents)).toEqual(expected);
  });

  it('finds the call of an answer by id before it looks at names', () => {
    const [assistant, ...tools] = messages(
      model({ functionCall: { id: 'a', name: 'look' } }, { functionCall: { id: 'b', name: 'look' } }),
      user({ functionResponse: { id: 'b', name: 'look' } }, { functionResponse: { name: 'look' } }),
    );
    expect(assistant).toBeDefined();
    expect(tools.map((tool) => tool['tool_call_id'])).toEqual(['b', 'a']);
  });

  it.each<[string, JsonObject[]]>([
    ['contents[0].role', [{ role: 'system', parts: [] }]],
    ['contents[0].parts', [{ role: 'user', parts: 'Hi' }]],
    ['contents[0].parts[0]', [{ role: 'user', parts: ['Hi'] }]],
    ['contents[0].more', [{ role: 'user', parts: [], more: 1 }]],
    ['contents[0].parts[0].text', [user({ text: 1 })]],
    ['contents[0].parts[1].executableCode', [user({ text: 'x' }, { executableCode: {} })]],
    ['contents[0].parts[0].inlineData.mimeType', [user({ inlineData: { mimeType: 'video/mp4', data: '' } })]],
    [
      'contents[0].parts[0].inlineData.mimeType',
      [user({ inlineData: { mimeType: 'audio/flac', data: '' } })],
    ],
    ['contents[0].parts[0].inlineData.data', [user({ inlineData: { mimeType: 'image/png' } })]],
    [
      'contents[0].parts[0].fileData',
      [user({ fileData: { mimeType: 'image/png', fileUri: 'gs://a/b.png' } })],
    ],
    [
      'contents[0].parts[0].fileData',
      [user({ fileData: { mimeType: 'video/mp4', fileUri: 'https://a/b.mp4' } })],
    ],
    [
      'contents[0].parts[0].fileData',
      [
        user({
          fileData: {
            mimeType: 'image/png',
            fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/1',
          },
        }),
      ],
    ],
    ['contents[0].parts[0].inlineData', [model({ inlineData: { mimeType: 'image/png', data: 'AA==' } })]],
    ['contents[0].parts[0]', [user({ functionCall: { name: 'look' } })]],
    ['contents[0].parts[0].functionCall.name', [model({ functionCall: {} })]],
    ['contents[0].parts[0].functionResponse', [user({ functionResponse: { name: 'look' } })]],
    [
      'contents[0].parts[0].functionResponse.parts',
      [user({ functionResponse: { name: 'look', parts: [] } })],
    ],
  ])('refuses %s', (field, contents) => {
    expect(() => messages(...contents)).toThrow(
      expect.objectContaining({ reason: reasonOf(field), metadata: { field } }),
    );
  });

  it('refuses a system instruction that is more than text', () => {
    const systemInstruction = { parts: [{ inlineData: { mimeType: 'image/png', data: '' } }] };
    expect(() => toMessages({ systemInstruction })).toThrow(
      expect.objectContaining({ metadata: { field: 'systemInstruction.parts[0].inlineData' } }),
    );
  });
});
