import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError } from 'openai';
import { fetch } from 'undici';

import type { GenerateContentRequest, Part } from '../../../src/core/gemini-wire.js';
import { openAiWing } from '../../../src/emulator/openai-chat.js';
import type { OpenAiCall } from '../../../src/emulator/openai-scripts.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { serveWings, type WingServer } from '../../helpers/wing-server.js';

type Chat = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming;

const TEXT = 'A sentence that is long enough for several pieces of a stream.';
const HELLO = { model: 'gpt-x', messages: [{ role: 'user' as const, content: 'Hello' }] };

async function drained<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('OpenAI-compatible upstream', () => {
  let server: WingServer;
  let client: OpenAI;
  let asked: GenerateContentRequest | undefined;
  let parts: Part[];

  beforeEach(async () => {
    parts = [{ text: 'thinking', thought: true }, { text: TEXT }];
    asked = undefined;
    server = await serveWings(
      openAiWing({
        clock: new ManualClock(),
        apiKeys: ['good'],
        embed: (text, dimensions) =>
          Array.from({ length: dimensions }, (_, index) => text.length + index / 2),
        answer: (_, request) => {
          asked = request;
          return {
            candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }],
            usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 5, thoughtsTokenCount: 3 },
          };
        },
      }),
    );
    client = official('good');
  });
  afterEach(() => server.close());

  const official = (apiKey: string): OpenAI =>
    new OpenAI({
      apiKey,
      baseURL: `${server.origin}/openai/v1`,
      maxRetries: 0,
      fetch: fetch as unknown as typeof globalThis.fetch,
    });
  const script = (body: object): ReturnType<typeof fetch> =>
    fetch(`${server.origin}/emulator/openai/scenarios`, { method: 'POST', body: JSON.stringify(body) });
  const ledger = async (): Promise<OpenAiCall[]> => {
    const response = await fetch(`${server.origin}/emulator/openai/ledger`);
    return ((await response.json()) as { calls: OpenAiCall[] }).calls;
  };
  const failure = async (apiKey = 'good', body: object = HELLO): Promise<APIError> =>
    (await official(apiKey)
      .chat.completions.create(body as Chat)
      .catch((thrown: unknown) => thrown)) as APIError;

  it('answers whole, without thoughts, with counts that include reasoning', async () => {
    const completion = await client.chat.completions.create(HELLO);
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-x',
      choices: [{ message: { role: 'assistant', content: TEXT, refusal: null }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 8,
        total_tokens: 15,
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    });
    expect(await ledger()).toMatchObject([
      {
        operation: 'chat',
        model: 'gpt-x',
        stream: false,
        status: 200,
        inputTokens: 7,
        outputTokens: 8,
        aborted: false,
      },
    ]);
  });

  it('streams in pieces, with the counts in a chunk of their own where asked for', async () => {
    const stream = await client.chat.completions.create({
      ...HELLO,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await drained(stream);
    const texts = chunks.flatMap((chunk) => chunk.choices[0]?.delta.content ?? []);
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.join('')).toBe(TEXT);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 15 } });
    expect(await ledger()).toMatchObject([{ stream: true, chunks: chunks.length, aborted: false }]);
  });

  it('ends a stream with [DONE] and sends no counts unasked', async () => {
    const response = await fetch(`${server.origin}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer good' },
      body: JSON.stringify({ ...HELLO, stream: true }),
    });
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text).not.toContain('usage');
  });

  it('splits the arguments of tool calls over several chunks', async () => {
    parts = [{ functionCall: { name: 'add', args: { a: 1 } } }, { functionCall: { name: 'stop', args: {} } }];
    const tools = ['add', 'stop'].map((name) => ({
      type: 'function' as const,
      function: { name, parameters: { type: 'object' } },
    }));
    const stream = client.chat.completions.stream({ ...HELLO, tools, tool_choice: 'required' });
    const deltas: string[] = [];
    stream.on('tool_calls.function.arguments.delta', (event) => deltas.push(event.arguments_delta));
    const choice = (await stream.finalChatCompletion()).choices[0];
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls ?? [];
    expect(
      calls.map((call) => call.type === 'function' && [call.function.name, call.function.arguments]),
    ).toEqual([
      ['add', '{"a":1}'],
      ['stop', '{}'],
    ]);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    expect(deltas.filter((delta) => delta !== '').length).toBeGreaterThanOrEqual(4);
    expect(asked).toMatchObject({
      tools: [{ functionDeclarations: [{ name: 'add' }, { name: 'stop' }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    });
  });

  it('understands conversations with tools, pictures, sound and schemas', async () => {
    const schema = { type: 'object', properties: {} };
    await client.chat.completions.create({
      model: 'gpt-x',
      max_completion_tokens: 9,
      response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
            { type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } },
          ],
        },
        {
          role: 'assistant',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"it"}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'a cat' },
      ],
    });
    expect(asked).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'What is it?' },
            { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
            { fileData: { mimeType: 'image/*', fileUri: 'https://example.com/a.png' } },
            { inlineData: { mimeType: 'audio/wav', data: 'aGk=' } },
          ],
        },
        { role: 'model', parts: [{ functionCall: { name: 'look', args: { at: 'it' } } }] },
        { role: 'user', parts: [{ functionResponse: { id: 'c1', response: { output: 'a cat' } } }] },
      ],
      generationConfig: {
        maxOutputTokens: 9,
        responseMimeType: 'application/json',
        responseJsonSchema: schema,
      },
    });
  });

  it.each([
    ['no messages', { model: 'm' }, 'messages'],
    ['no model', { messages: HELLO.messages }, 'model'],
    ['an unknown role', { model: 'm', messages: [{ role: 'king', content: '' }] }, 'messages[0].role'],
    [
      'a picture that is none',
      {
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,x' } }] }],
      },
      'messages[0].content[0].image_url',
    ],
    [
      'a schema format without schema',
      { ...HELLO, response_format: { type: 'json_schema' } },
      'response_format.json_schema.schema',
    ],
  ])('refuses %s and names the field', async (_, body, param) => {
    const error = await failure('good', body);
    expect(error).toMatchObject({ status: 400, param, type: 'invalid_request_error' });
  });

  it('refuses a wrong key in OpenAI shape, and leaves the scripts for good ones', async () => {
    await script({ status: 500 });
    expect(await failure('bad')).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(await failure()).toMatchObject({ status: 500, type: 'server_error' });
    expect((await ledger()).map((call) => call.status)).toEqual([401, 500]);
  });

  it('plays scripted statuses in order, as often as asked, with Retry-After', async () => {
    await script({ status: 429, times: 2, retryAfterSeconds: 7 });
    await script({ status: 503 });
    const limited = await failure();
    expect(limited).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect(limited.headers?.get('retry-after')).toBe('7');
    expect((await failure()).status).toBe(429);
    const overloaded = await failure();
    expect(overloaded.status).toBe(503);
    expect(overloaded.headers?.get('retry-after')).toBe('1');
    expect(await client.chat.completions.create(HELLO)).toBeDefined();
  });

  it('accepts no script that it does not understand', async () => {
    for (const body of [
      {},
      { status: 200 },
      { kind: 'other' },
      { status: 500, kind: 'reset' },
      { status: 500, times: 'x' },
    ])
      expect((await script(body)).status).toBe(400);
  });

  it('ends a stream without [DONE] or by a reset', async () => {
    const streamed = (): ReturnType<typeof fetch> =>
      fetch(`${server.origin}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: 'Bearer good' },
        body: JSON.stringify({ ...HELLO, stream: true }),
      });
    await script({ kind: 'no-done' });
    const text = await (await streamed()).text();
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).not.toContain('[DONE]');
    await script({ kind: 'reset', times: 2 });
    await expect((await streamed()).text()).rejects.toThrow('terminated');
    expect((await failure()).status).toBeUndefined();
    expect((await ledger()).map((call) => [call.status, call.aborted])).toEqual([
      [200, false],
      [200, false],
      [0, false],
    ]);
  });

  it('notes a caller that leaves', async () => {
    await script({ kind: 'stall' });
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { ...HELLO, stream: true },
      { signal: controller.signal },
    );
    for await (const chunk of stream) {
      expect(chunk.choices[0]?.delta.role).toBe('assistant');
      controller.abort();
    }
    let calls = await ledger();
    while (calls[0]?.aborted === false) calls = await ledger();
    expect(calls).toMatchObject([{ status: 200, chunks: 1, aborted: true }]);
  });

  it('embeds texts and token lists, also as the base64 that the official client asks for', async () => {
    const answer = await client.embeddings.create({ model: 'e', input: ['ab', 'abcd'], dimensions: 2 });
    expect(answer.data.map((item) => item.embedding)).toEqual([
      [2, 2.5],
      [4, 4.5],
    ]);
    expect(answer.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
    const plain = await client.embeddings.create({ model: 'e', input: [1, 2, 3], encoding_format: 'float' });
    expect(plain.data[0]?.embedding).toHaveLength(1536);
    expect(plain.usage.prompt_tokens).toBe(3);
    await expect(client.embeddings.create({ model: 'e', input: [] as string[] })).rejects.toMatchObject({
      status: 400,
      param: 'input',
    });
  });

  it('lists its models', async () => {
    const models = await drained(client.models.list());
    expect(models.map((model) => model.id)).toEqual(['emulated-chat', 'emulated-embedding']);
  });
});
