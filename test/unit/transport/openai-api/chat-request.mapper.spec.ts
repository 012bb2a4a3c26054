import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import {
  CHAT_FIELDS,
  streamingOf,
  toGeminiRequest,
} from '../../../../src/transport/openai-api/chat-request.mapper.js';
import { asked, chatRequest, refusalOf } from './fixtures.js';

const SCHEMA = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };

/** For each field that is mapped: a value, and what it makes of the request beside the contents. */
const MAPPED: Readonly<Record<string, [value: JsonObject[string], request: JsonObject]>> = {
  temperature: [0.5, { generationConfig: { temperature: 0.5 } }],
  top_p: [0.9, { generationConfig: { topP: 0.9 } }],
  presence_penalty: [1, { generationConfig: { presencePenalty: 1 } }],
  frequency_penalty: [-1, { generationConfig: { frequencyPenalty: -1 } }],
  seed: [7, { generationConfig: { seed: 7 } }],
  n: [3, { generationConfig: { candidateCount: 3 } }],
  stop: ['end', { generationConfig: { stopSequences: ['end'] } }],
  max_tokens: [50, { generationConfig: { maxOutputTokens: 50 } }],
  max_completion_tokens: [60, { generationConfig: { maxOutputTokens: 60 } }],
  logprobs: [true, { generationConfig: { responseLogprobs: true } }],
  reasoning_effort: ['high', { generationConfig: { thinkingConfig: { thinkingLevel: 'HIGH' } } }],
  service_tier: ['flex', { serviceTier: 'flex' }],
  response_format: [
    { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: SCHEMA } },
    { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: SCHEMA } },
  ],
  tools: [
    [{ type: 'function', function: { name: 'find', description: 'Finds.', parameters: SCHEMA } }],
    {
      tools: [
        { functionDeclarations: [{ name: 'find', description: 'Finds.', parametersJsonSchema: SCHEMA }] },
      ],
    },
  ],
  google: [{ top_k: 4 }, { generationConfig: { topK: 4 } }],
  extra_body: [
    {
      google: { cached_content: 'cachedContents/c', safety_settings: [{ category: 'C', threshold: 'OFF' }] },
    },
    { cachedContent: 'cachedContents/c', safetySettings: [{ category: 'C', threshold: 'OFF' }] },
  ],
};

/** Mapped, and tested elsewhere: they make the contents or say something about the call, or go with another field. */
const ELSEWHERE = new Set(
  (
    'messages model stream stream_options tool_choice parallel_tool_calls top_logprobs ' +
    'metadata user safety_identifier prompt_cache_key'
  ).split(' '),
);

const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];

describe('a chat completion as a request of Gemini’s', () => {
  it('is the question and nothing else where nothing else is said', () => {
    expect(chatRequest()).toEqual({ contents });
  });

  it.each(Object.keys(MAPPED))('maps %s', (field) => {
    const [value, request] = MAPPED[field]!;
    expect(chatRequest({ [field]: value })).toEqual({ contents, ...request });
  });

  it('has a test for every field that it maps', () => {
    const mapped = [...CHAT_FIELDS].filter(([, { kind }]) => kind === 'mapped').map(([name]) => name);
    expect(mapped.filter((name) => !ELSEWHERE.has(name)).toSorted()).toEqual(Object.keys(MAPPED).toSorted());
  });

  it('takes null for absence in every field', () => {
    const nulls = Object.fromEntries(
      [...CHAT_FIELDS.keys()].filter((name) => name !== 'messages').map((name) => [name, null]),
    );
    expect(chatRequest(nulls)).toEqual({ contents });
  });

  it.each([...CHAT_FIELDS].filter(([, { kind }]) => kind === 'refused').map(([name]) => name))(
    'refuses %s by name',
    (field) => {
      expect(refusalOf(() => chatRequest({ [field]: 'anything' }))).toEqual({
        param: field,
        code: 'unsupported_parameter',
        message: expect.stringContaining(`"${field}" is not supported: `),
      });
    },
  );

  it.each([
    ['store', false, true],
    ['modalities', ['text'], ['text', 'audio']],
    ['verbosity', 'medium', 'low'],
    ['logit_bias', {}, { 50256: -100 }],
  ] as const)('takes %s where it asks for what is the case anyway', (field, taken, refused) => {
    expect(chatRequest({ [field]: taken as JsonObject[string] })).toEqual({ contents });
    expect(refusalOf(() => chatRequest({ [field]: refused as JsonObject[string] })).param).toBe(field);
  });

  it('refuses a field that nobody knows', () => {
    expect(refusalOf(() => chatRequest({ temprature: 1 }))).toEqual({
      param: 'temprature',
      code: 'unknown_parameter',
      message: '"temprature" is not a known field.',
    });
    // Names that every object has are no fields either.
    for (const name of ['__proto__', 'toString', 'constructor']) {
      const body = JSON.parse(`{"messages":[],"${name}":1}`) as JsonObject;
      expect(refusalOf(() => toGeminiRequest(body, [])).param).toBe(name);
    }
  });

  it.each<[string, JsonObject[string]]>([
    ['temperature', 2.1],
    ['temperature', '1'],
    ['top_p', -0.1],
    ['presence_penalty', 3],
    ['frequency_penalty', 'high'],
    ['seed', 1.5],
    ['n', 0],
    ['n', 9],
    ['max_tokens', 0],
    ['max_completion_tokens', '100'],
    ['logprobs', 'yes'],
    ['reasoning_effort', 'huge'],
    ['service_tier', 'scale'],
    ['service_tier', 'cheap'],
    ['stop', ['1', '2', '3', '4', '5', '6']],
    ['stop', ''],
    ['response_format', 'json'],
  ])('refuses the value of %s: %j', (field, value) => {
    expect(refusalOf(() => chatRequest({ [field]: value })).param).toBe(field);
  });

  it('refuses both forms of the longest answer together', () => {
    const { param, message } = refusalOf(() => chatRequest({ max_tokens: 5, max_completion_tokens: 5 }));
    expect(param).toBe('max_tokens');
    expect(message).toContain('max_completion_tokens');
  });

  it('asks for log probabilities only where both fields fit', () => {
    expect(chatRequest({ logprobs: true, top_logprobs: 3 }).generationConfig).toEqual({
      responseLogprobs: true,
      logprobs: 3,
    });
    expect(chatRequest({ logprobs: false }).generationConfig).toBeUndefined();
    expect(refusalOf(() => chatRequest({ top_logprobs: 3 })).param).toBe('top_logprobs');
    expect(refusalOf(() => chatRequest({ logprobs: true, top_logprobs: 21 })).param).toBe('top_logprobs');
  });

  it('leaves one alternative and the default tier unsaid', () => {
    expect(chatRequest({ n: 1, service_tier: 'auto' })).toEqual({ contents });
    expect(chatRequest({ service_tier: 'default' })).toMatchObject({ serviceTier: 'standard' });
    expect(chatRequest({ service_tier: 'fast' })).toMatchObject({ serviceTier: 'priority' });
  });

  it('asks for JSON of any shape, and puts the description of a schema into it', () => {
    expect(chatRequest({ response_format: { type: 'text' } })).toEqual({ contents });
    expect(chatRequest({ response_format: { type: 'json_object' } }).generationConfig).toEqual({
      responseMimeType: 'application/json',
    });
    const described = (schema: JsonObject): unknown =>
      chatRequest({
        response_format: { type: 'json_schema', json_schema: { name: 'x', description: 'Of old.', schema } },
      }).generationConfig?.responseJsonSchema;
    expect(described(SCHEMA)).toEqual({ ...SCHEMA, description: 'Of old.' });
    expect(described({ description: 'Its own.' })).toEqual({ description: 'Its own.' });
  });

  it.each<[JsonObject, string]>([
    [{ type: 'grammar' }, 'response_format.type'],
    [{ type: 'json_schema' }, 'response_format.json_schema'],
    [{ type: 'json_schema', json_schema: { name: 'x' } }, 'response_format.json_schema.schema'],
    [{ type: 'json_schema', json_schema: { schema: SCHEMA } }, 'response_format.json_schema.name'],
    [{ type: 'text', json_schema: {} }, 'response_format.json_schema'],
    [
      { type: 'json_schema', json_schema: { name: 'x', schema: SCHEMA, strict: 'very' } },
      'response_format.json_schema.strict',
    ],
    [
      { type: 'json_schema', json_schema: { name: 'x', schema: SCHEMA, version: 2 } },
      'response_format.json_schema.version',
    ],
  ])('refuses the format %j', (format, param) => {
    expect(refusalOf(() => chatRequest({ response_format: format })).param).toBe(param);
  });
});

describe('Gemini’s own fields beside OpenAI’s', () => {
  it('are taken in either spelling, at both places, and go where they belong', () => {
    const google = {
      thinking_config: { include_thoughts: true, thinking_budget: 5 },
      mediaResolution: 'MEDIA_RESOLUTION_LOW',
      generation_config: { top_k: 7, response_schema: { snake_key: {} } },
      labels: { a_b: 'c' },
      cached_content: null,
    };
    const request = {
      contents,
      labels: { a_b: 'c' },
      generationConfig: {
        thinkingConfig: { includeThoughts: true, thinkingBudget: 5 },
        mediaResolution: 'MEDIA_RESOLUTION_LOW',
        topK: 7,
        responseSchema: { snake_key: {} },
      },
    };
    expect(chatRequest({ google })).toEqual(request);
    expect(chatRequest({ extra_body: { google } })).toEqual(request);
  });

  it('are merged with what OpenAI’s fields have set', () => {
    const tool = { type: 'function', function: { name: 'find' } };
    expect(
      chatRequest({
        temperature: 1,
        reasoning_effort: 'low',
        tools: [tool],
        tool_choice: 'required',
        google: {
          thinking_config: { include_thoughts: true },
          tools: [{ google_search: {} }],
          tool_config: { retrieval_config: { languageCode: 'de' } },
          generation_config: { topK: 1 },
        },
      }),
    ).toEqual({
      contents,
      tools: [{ functionDeclarations: [{ name: 'find' }] }, { googleSearch: {} }],
      toolConfig: {
        functionCallingConfig: { mode: 'ANY' },
        retrievalConfig: { languageCode: 'de' },
      },
      generationConfig: {
        temperature: 1,
        thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true },
        topK: 1,
      },
    });
  });

  it.each<[JsonObject, string]>([
    [{ google: { contents: [] } }, 'google.contents'],
    [{ google: { system_instruction: {} } }, 'google.systemInstruction'],
    [{ google: {}, extra_body: { google: {} } }, 'extra_body'],
    [{ extra_body: { other: 1 } }, 'extra_body.other'],
    [{ extra_body: {} }, 'extra_body.google'],
    [{ google: 'text' }, 'google'],
    [{ google: { tools: {} } }, 'google.tools'],
    [
      { temperature: 1, google: { generation_config: { temperature: 1 } } },
      'google.generationConfig.temperature',
    ],
    [
      { reasoning_effort: 'low', extra_body: { google: { thinking_config: { thinking_level: 'HIGH' } } } },
      'extra_body.google.generationConfig.thinkingConfig.thinkingLevel',
    ],
    [{ service_tier: 'flex', google: { service_tier: 'flex' } }, 'google.serviceTier'],
    [
      {
        response_format: { type: 'json_schema', json_schema: { name: 'x', schema: SCHEMA } },
        google: { generation_config: { response_json_schema: { title: 'y' } } },
      },
      'google.generationConfig.responseJsonSchema',
    ],
    [
      { google: { tool_config: { function_calling_config: { streamFunctionCallArguments: true } } } },
      'google.tool_config',
    ],
  ])('are refused in %j', (fields, param) => {
    expect(refusalOf(() => chatRequest(fields)).param).toBe(param);
  });
});

describe('reasoning_effort', () => {
  const thinking = (effort: string, ...models: ReturnType<typeof asked>[]): unknown =>
    chatRequest({ reasoning_effort: effort }, models).generationConfig?.thinkingConfig;
  const all = { thinkingLevels: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'] };
  const noMinimal = { thinkingLevels: ['LOW', 'MEDIUM', 'HIGH'] };

  it.each([
    ['none', 'MINIMAL', 'LOW'],
    ['minimal', 'MINIMAL', 'LOW'],
    ['low', 'LOW', 'LOW'],
    ['medium', 'MEDIUM', 'MEDIUM'],
    ['high', 'HIGH', 'HIGH'],
    ['xhigh', 'HIGH', 'HIGH'],
    ['max', 'HIGH', 'HIGH'],
  ])('%s is %s, and %s for models without MINIMAL', (effort, level, nearest) => {
    expect(thinking(effort, asked('gemini-3.5-flash', all))).toEqual({ thinkingLevel: level });
    expect(thinking(effort, asked('gemini-3.8-flash', noMinimal))).toEqual({ thinkingLevel: nearest });
    // A level that every model takes, where nothing is known of this one.
    expect(thinking(effort, asked('gemini-9'))).toEqual({ thinkingLevel: nearest });
    expect(thinking(effort)).toEqual({ thinkingLevel: level });
  });

  it('is a level that all models of a task accept', () => {
    const models = [asked('gemini-3.5-flash', all), asked('gemini-3.8-flash', noMinimal)];
    expect(thinking('minimal', ...models)).toEqual({ thinkingLevel: 'LOW' });
    expect(thinking('high', asked('x', { thinkingLevels: ['LOW'] }), ...models)).toEqual({
      thinkingLevel: 'LOW',
    });
    const apart = [asked('x', { thinkingLevels: ['LOW'] }), asked('y', { thinkingLevels: ['HIGH'] })];
    expect(refusalOf(() => thinking('high', ...apart)).param).toBe('reasoning_effort');
  });

  it('is a budget for the models before levels', () => {
    const flash = asked('gemini-2.5-flash');
    expect(thinking('none', flash)).toEqual({ thinkingBudget: 0 });
    expect(thinking('minimal', flash)).toEqual({ thinkingBudget: 1_024 });
    expect(thinking('low', flash)).toEqual({ thinkingBudget: 1_024 });
    expect(thinking('medium', flash)).toEqual({ thinkingBudget: 8_192 });
    expect(thinking('max', flash)).toEqual({ thinkingBudget: 24_576 });
    expect(thinking('none', asked('gemini-2.5-pro'))).toEqual({ thinkingBudget: 128 });
    expect(thinking('low', flash, asked('gemini-3.8-flash', noMinimal))).toEqual({ thinkingBudget: 1_024 });
    const argon = asked('gemini-4-argon', { ...noMinimal, thinkingBudget: false });
    const { param, message } = refusalOf(() => thinking('low', flash, argon));
    expect([param, message]).toEqual(['reasoning_effort', expect.stringContaining('gemini-4-argon')]);
  });
});

describe('streamingOf', () => {
  it('is undefined for whole answers, and knows whether the tokens are wanted', () => {
    expect(streamingOf({})).toBeUndefined();
    expect(streamingOf({ stream: false })).toBeUndefined();
    expect(streamingOf({ stream: null })).toBeUndefined();
    expect(streamingOf({ stream: true })).toEqual({ includeUsage: false });
    expect(streamingOf({ stream: true, stream_options: { include_usage: true } })).toEqual({
      includeUsage: true,
    });
    expect(streamingOf({ stream: true, stream_options: { include_obfuscation: false } })).toEqual({
      includeUsage: false,
    });
  });

  it.each<[JsonObject, string]>([
    [{ stream: 'yes' }, 'stream'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ stream: true, stream_options: { include_usage: 1 } }, 'stream_options.include_usage'],
    [{ stream: true, stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation'],
    [{ stream: true, stream_options: { every: 2 } }, 'stream_options.every'],
  ])('refuses %j', (body, param) => {
    expect(refusalOf(() => streamingOf(body)).param).toBe(param);
  });
});
