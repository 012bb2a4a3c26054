import { describe, expect, it } from '@jest/globals';
import type { Content } from '../../../../src/core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { toConversation } from '../../../../src/transport/openai-api/responses-input.mapper.js';
import { RESPONSE_FIELDS, wishesOf } from '../../../../src/transport/openai-api/responses-request.mapper.js';
import { asked, refusalOf, responseOf } from './fixtures.js';

const SCHEMA = { type: 'object', properties: { name: { type: 'string' } } };
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];

/** For each field that is mapped: a value, and what it makes of the request. */
const MAPPED: Readonly<Record<string, [value: JsonValue, request: JsonObject]>> = {
  instructions: ['Be kind.', { systemInstruction: { parts: [{ text: 'Be kind.' }] } }],
  temperature: [0.5, { generationConfig: { temperature: 0.5 } }],
  top_p: [0.9, { generationConfig: { topP: 0.9 } }],
  max_output_tokens: [50, { generationConfig: { maxOutputTokens: 50 } }],
  service_tier: ['priority', { serviceTier: 'priority' }],
  text: [
    { format: { type: 'json_schema', name: 'person', schema: SCHEMA, strict: true }, verbosity: 'medium' },
    { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: SCHEMA } },
  ],
  reasoning: [
    { effort: 'low', summary: 'auto', mode: 'standard' },
    { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } } },
  ],
  tools: [
    [{ type: 'function', name: 'find', parameters: SCHEMA, strict: null }],
    { tools: [{ functionDeclarations: [{ name: 'find', parametersJsonSchema: SCHEMA }] }] },
  ],
  include: [['message.output_text.logprobs'], { generationConfig: { responseLogprobs: true } }],
  google: [{ top_k: 4 }, { generationConfig: { topK: 4 } }],
  extra_body: [{ google: { top_k: 4 } }, { generationConfig: { topK: 4 } }],
};

const ELSEWHERE = new Set(
  (
    'input model stream stream_options tool_choice parallel_tool_calls top_logprobs ' +
    'metadata user safety_identifier prompt_cache_key'
  ).split(' '),
);

describe('a response as a request of Gemini’s', () => {
  it('is the question and nothing else where nothing else is said', () => {
    expect(responseOf()).toEqual({ contents });
  });

  it.each(Object.keys(MAPPED))('maps %s', (field) => {
    const [value, request] = MAPPED[field]!;
    expect(responseOf({ [field]: value })).toEqual({ contents, ...request });
  });

  it('has a test for every field that it maps', () => {
    const mapped = [...RESPONSE_FIELDS].filter(([, { kind }]) => kind === 'mapped').map(([name]) => name);
    expect(mapped.filter((name) => !ELSEWHERE.has(name)).toSorted()).toEqual(Object.keys(MAPPED).toSorted());
  });

  it.each([...RESPONSE_FIELDS].filter(([, { kind }]) => kind === 'refused').map(([name]) => name))(
    'refuses %s by name',
    (field) => {
      expect(refusalOf(() => responseOf({ [field]: 'anything' }))).toMatchObject({
        param: field,
        code: 'unsupported_parameter',
      });
    },
  );

  it.each<[string, JsonValue, JsonValue]>([
    ['store', false, true],
    ['background', false, true],
    ['truncation', 'disabled', 'auto'],
  ])('takes %s where it asks for what is the case anyway', (field, taken, refused) => {
    expect(responseOf({ [field]: taken })).toEqual({ contents });
    expect(refusalOf(() => responseOf({ [field]: refused })).param).toBe(field);
  });

  it('takes null for absence in every field', () => {
    const names = [...RESPONSE_FIELDS.keys()].filter((name) => name !== 'input');
    expect(responseOf(Object.fromEntries(names.map((name) => [name, null])))).toEqual({ contents });
  });

  it.each<[JsonObject, string]>([
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
    [{ instructions: '' }, 'instructions'],
    [{ text: 'x' }, 'text'],
    [{ text: { verbosity: 'high' } }, 'text.verbosity'],
    [{ text: { format: { type: 'json_schema', name: 'x' } } }, 'text.format.schema'],
    [{ text: { format: { type: 'json_schema', json_schema: {} } } }, 'text.format.json_schema'],
    [{ text: { shape: 1 } }, 'text.shape'],
    [{ reasoning: { effort: 'huge' } }, 'reasoning.effort'],
    [{ reasoning: { summary: 'poetic' } }, 'reasoning.summary'],
    [{ reasoning: { generate_summary: 1 } }, 'reasoning.generate_summary'],
    [{ reasoning: { mode: 'pro' } }, 'reasoning.mode'],
    [{ reasoning: { context: 'all_turns' } }, 'reasoning.context'],
    [{ include: ['file_search_call.results'] }, 'include[0]'],
    [{ include: 'x' }, 'include'],
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function', name: 'x', defer_loading: true }] }, 'tools[0].defer_loading'],
    [{ service_tier: 'ultrafast' }, 'service_tier'],
  ])('refuses %j', (fields, param) => {
    expect(refusalOf(() => responseOf(fields)).param).toBe(param);
  });

  it('asks for log probabilities, thoughts and sealed reasoning by `include` and `reasoning`', () => {
    const include = ['message.output_text.logprobs', 'reasoning.encrypted_content'];
    expect(responseOf({ include, top_logprobs: 2 }).generationConfig).toEqual({
      responseLogprobs: true,
      logprobs: 2,
    });
    expect([wishesOf({ include }), wishesOf({})]).toEqual([
      { sealedReasoning: true },
      { sealedReasoning: false },
    ]);
    const summary = responseOf({ reasoning: { generate_summary: 'detailed' } });
    expect(summary.generationConfig?.thinkingConfig).toEqual({ includeThoughts: true });
    expect(
      responseOf({ reasoning: { effort: 'minimal' } }, [asked('gemini-2.5-flash')]).generationConfig,
    ).toEqual({ thinkingConfig: { thinkingBudget: 1_024 } });
  });
});

describe('input items as contents', () => {
  const contentsOf = (...input: JsonObject[]): Content[] => toConversation(undefined, input).contents;
  const user = (content: JsonValue): JsonObject => ({ role: 'user', content });
  const call = (call_id: string, name = 'find', args = '{"a":1}'): JsonObject => ({
    type: 'function_call',
    id: `fc_${call_id}`,
    call_id,
    name,
    arguments: args,
    status: 'completed',
  });
  const output = (call_id: string, output: JsonValue = 'found'): JsonObject => ({
    type: 'function_call_output',
    call_id,
    output,
  });
  const DATA = 'data:image/png;base64,AAAA';

  it('keep their order; instructions stand apart, the request’s first', () => {
    const { contents, system } = toConversation('Be kind.', [
      { role: 'developer', content: 'Be brief.' },
      { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Be true.' }] },
      user('one'),
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [
          { type: 'output_text', text: 'two', annotations: [], logprobs: [{ token: 'x' }] },
          { type: 'refusal', refusal: 'no' },
        ],
      },
      user([
        { type: 'input_text', text: 'three' },
        { type: 'input_image', image_url: DATA, detail: 'low' },
        { type: 'input_file', file_data: 'data:application/pdf;base64,AAAA', filename: 'x.pdf' },
        { type: 'input_file', file_url: 'https://example.com/x.pdf' },
        { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
      ]),
    ]);
    expect(system.map(({ text }) => text)).toEqual(['Be kind.', 'Be brief.', 'Be true.']);
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'one' }] },
      { role: 'model', parts: [{ text: 'two' }, { text: 'no' }] },
      {
        role: 'user',
        parts: [
          { text: 'three' },
          {
            inlineData: { mimeType: 'image/png', data: 'AAAA' },
            mediaResolution: { level: 'MEDIA_RESOLUTION_LOW' },
          },
          { inlineData: { mimeType: 'application/pdf', data: 'AAAA' } },
          { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/x.pdf' } },
          { inlineData: { mimeType: 'audio/wav', data: 'AAAA' } },
        ],
      },
    ]);
  });

  it('make one turn of the model’s out of what it thought, said and called', () => {
    const conversation = toConversation(undefined, [
      user('go'),
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'Hm.' }],
        encrypted_content: 'sig',
      },
      call('a'),
      call('b', 'read', ''),
      output('b', [
        { type: 'input_text', text: '' },
        { type: 'input_image', image_url: DATA },
      ]),
      output('a'),
      { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'Done.' }] },
    ]);
    expect(conversation.contents.slice(1)).toEqual([
      {
        role: 'model',
        parts: [
          { text: 'Hm.', thought: true },
          { functionCall: { name: 'find', args: { a: 1 } }, thoughtSignature: 'sig' },
          { functionCall: { name: 'read', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'find', response: { output: 'found' } } },
          {
            functionResponse: {
              name: 'read',
              response: { output: '' },
              parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
            },
          },
        ],
      },
      { role: 'model', parts: [{ text: 'Done.' }] },
    ]);
    expect(conversation.returned.map(({ id, required }) => [id, required])).toEqual([
      ['a', true],
      ['b', false],
      ['msg_1', false],
    ]);
  });

  it('give sealed reasoning to what comes next, and to nothing else', () => {
    const sealed = { type: 'reasoning', summary: [], encrypted_content: 'sig' };
    const texts = [
      { type: 'output_text', text: 'a' },
      { type: 'output_text', text: 'b' },
    ];
    const contents = contentsOf(
      user('go'),
      sealed,
      { role: 'assistant', content: texts },
      call('a'),
      output('a'),
    );
    expect(contents[1]?.parts?.map(({ thoughtSignature }) => thoughtSignature)).toEqual([
      undefined,
      'sig',
      undefined,
    ]);
  });

  it('have media for the gateway to read wherever media can be', () => {
    const image = { type: 'input_image', image_url: 'https://images.example.com/heron' };
    const file = { type: 'input_file', file_url: 'https://images.example.com/report' };
    const { remote } = toConversation(
      undefined,
      [user([image, file]), call('a'), output('a', [image])],
      () => true,
    );
    expect(remote.map(({ path, family }) => [path, family])).toEqual([
      ['input[0].content[0].image_url', 'image/'],
      ['input[0].content[1].file_url', ''],
      ['input[2].output[0].image_url', 'image/'],
    ]);
  });

  it('make a turn of its own of what the model says after the user', () => {
    const said = (content: string): JsonObject => ({ role: 'assistant', content });
    const contents = contentsOf(user('one'), said('a'), said('b'), user('two'), said('c'));
    expect(contents.map(({ role, parts }) => [role, parts?.length])).toEqual([
      ['user', 1],
      ['model', 2],
      ['user', 1],
      ['model', 1],
    ]);
  });

  it('make a step of its own of a call behind a result', () => {
    const { returned, contents } = toConversation(undefined, [
      user('go'),
      call('a'),
      output('a'),
      call('b'),
      output('b'),
    ]);
    expect(contents.map(({ role }) => role)).toEqual(['user', 'model', 'user', 'model', 'user']);
    expect(returned.map(({ required }) => required)).toEqual([true, true]);
  });

  it.each<[string, JsonObject[], string]>([
    ['nothing', [], 'input'],
    ['instructions alone', [{ role: 'system', content: 'x' }], 'input'],
    ['an unknown role', [{ role: 'robot', content: 'x' }], 'input[0].role'],
    ['an unknown kind', [{ type: 'web_search_call', id: 'ws' }], 'input[0].type'],
    ['a reference to what is not kept', [{ type: 'item_reference', id: 'msg' }], 'input[0].type'],
    ['an unknown field', [{ role: 'user', content: 'x', mood: 1 }], 'input[0].mood'],
    ['a phase', [{ role: 'assistant', content: 'x', phase: 'commentary' }], 'input[0].phase'],
    ['an empty text', [user('')], 'input[0].content'],
    ['an empty list', [user([])], 'input[0].content'],
    ['an empty answer', [{ role: 'assistant', content: '' }], 'input[0].content'],
    [
      'output of the model as a user',
      [user([{ type: 'output_text', text: 'x' }])],
      'input[0].content[0].type',
    ],
    ['a kept file', [user([{ type: 'input_file', file_id: 'f' }])], 'input[0].content[0].file_id'],
    ['a kept image', [user([{ type: 'input_image', file_id: 'f' }])], 'input[0].content[0].file_id'],
    [
      'an image of a private host',
      [user([{ type: 'input_image', image_url: 'https://10.0.0.1/a.png' }])],
      'input[0].content[0].image_url',
    ],
    [
      'a file of a private host',
      [user([{ type: 'input_file', file_url: 'https://localhost/a.pdf' }])],
      'input[0].content[0].file_url',
    ],
    ['a result without a call', [user('x'), output('a')], 'input[1].call_id'],
    ['a call without a result', [user('x'), call('a')], 'input[1].call_id'],
    ['two calls of one id', [user('x'), call('a'), call('a')], 'input[2].call_id'],
    ['arguments that are no JSON', [user('x'), call('a', 'find', '{')], 'input[1].arguments'],
    ['a result by another name', [user('x'), call('a'), { ...output('a'), name: 'read' }], 'input[2].name'],
    [
      'a program that calls',
      [user('x'), { ...call('a'), caller: { type: 'program', id: 'p' } }],
      'input[1].caller',
    ],
    [
      'a thought of another kind',
      [user('x'), { type: 'reasoning', summary: [{ type: 'text', text: 'x' }] }],
      'input[1].summary[0].type',
    ],
  ])('refuse %s', (_what, input, param) => {
    expect(refusalOf(() => toConversation(undefined, input)).param).toBe(param);
  });

  it('refuse what is neither text nor items', () => {
    expect(refusalOf(() => toConversation(undefined, undefined)).param).toBe('input');
    expect(refusalOf(() => toConversation(undefined, '')).param).toBe('input');
    expect(contentsOf(user('x'))).toHaveLength(1);
  });
});
