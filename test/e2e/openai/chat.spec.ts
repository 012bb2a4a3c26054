import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayUnderTest, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { named, openAiClient, readChat } from '../../helpers/openai-clients.js';

const model = 'gemini-3.8-flash';
const saying = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: 'user', content }];

describe('chat completions by the official client', () => {
  let under: GatewayUnderTest;
  let ai: OpenAI;
  beforeAll(async () => {
    under = await gatewayUnderTest();
    ai = openAiClient(under);
  });
  afterAll(() => under.close());

  it('answer with one upstream call, whose tokens the caller and the log see', async () => {
    const answer = await ai.chat.completions.create(
      { model, messages: saying('the word is bittern') },
      named('unary'),
    );
    expect(answer.object).toBe('chat.completion');
    expect(answer.choices).toHaveLength(1);
    expect(answer.choices[0]).toMatchObject({
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: expect.stringContaining('bittern'), refusal: null },
    });
    const [call, ...more] = under.upstreamCalls();
    expect(more).toEqual([]);
    expect(call).toMatchObject({ operation: 'generateContent', key: 'upstream-key', outcome: 'ok' });
    const { outputTokens = 0, thoughtsTokens = 0, inputTokens = 0 } = call ?? {};
    expect(thoughtsTokens).toBeGreaterThan(0);
    expect(answer.usage).toMatchObject({
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens + thoughtsTokens,
      total_tokens: inputTokens + outputTokens + thoughtsTokens,
      completion_tokens_details: { reasoning_tokens: thoughtsTokens },
      prompt_tokens_details: { cached_tokens: 0 },
    });
    expect(await lineOf(under, 'unary')).toMatchObject({
      route: '/openai/v1/chat/completions',
      model_used: model,
      status_code: 200,
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      thoughts_tokens: thoughtsTokens,
      finish_reason: 'STOP',
      outcome: 'ok',
    });
  });

  it('say in headers who answered', async () => {
    const { response, request_id } = await ai.chat.completions
      .create({ model, messages: saying('hello') }, named('my-own-id'))
      .withResponse();
    expect(request_id).toBe('my-own-id');
    expect(response.headers.get('x-gateway-target')).toBe(`main/${model}`);
    expect(response.headers.get('x-gateway-attempts')).toBe('1');
  });

  it('stream piece by piece, with one finish, and with the tokens last where they are asked for', async () => {
    const stream = await ai.chat.completions.create(
      {
        model,
        messages: saying('the word is dotterel'),
        stream: true,
        stream_options: { include_usage: true },
      },
      named('stream'),
    );
    const { chunks, content, usage, finishReason } = await readChat(stream);
    expect(chunks.length).toBeGreaterThan(4);
    expect(content).toContain('dotterel');
    expect(finishReason).toBe('stop');
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason)).toHaveLength(1);
    expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
    expect(chunks.at(-1)?.choices).toEqual([]);
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    const call = under.upstreamCalls().at(-1);
    expect(call).toMatchObject({ operation: 'streamGenerateContent', stream: true });
    expect(usage).toMatchObject({
      prompt_tokens: call?.inputTokens,
      completion_tokens: (call?.outputTokens ?? 0) + (call?.thoughtsTokens ?? 0),
    });
    expect(await lineOf(under, 'stream')).toMatchObject({
      output_tokens: call?.outputTokens,
      finish_reason: 'STOP',
      outcome: 'ok',
    });
  });

  it('end a stream in [DONE] on the wire, and tell no tokens unasked', async () => {
    const response = await under.call('/openai/v1/chat/completions', {
      model,
      messages: saying('hello'),
      stream: true,
    });
    const text = await response.body.text();
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(text.endsWith('\n\ndata: [DONE]\n\n')).toBe(true);
    expect(text.match(/data: \[DONE\]/g)).toHaveLength(1);
    expect(text).not.toContain('"usage"');
  });

  it('are whole conversations, with instructions of both kinds and media', async () => {
    const before = under.upstreamCalls().length;
    const answer = await ai.chat.completions.create({
      model,
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'first: avocet' },
        { role: 'assistant', content: 'Yes?' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'second: godwit' },
            { type: 'image_url', image_url: { url: `data:image/gif;base64,${GIF}` } },
            { type: 'image_url', image_url: { url: 'https://example.com/heron.png' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
            { type: 'file', file: { file_data: `data:application/pdf;base64,AAAA`, filename: 'x.pdf' } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toContain('godwit');
    // Both images, sound and page are counted.
    expect(under.upstreamCalls()[before]?.inputTokens).toBeGreaterThan(3 * 258 + 32);
  });

  it('follow a JSON schema', async () => {
    const answer = await ai.chat.completions.create({
      model,
      messages: saying('a person'),
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'person',
          strict: true,
          schema: {
            type: 'object',
            properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 0 } },
            required: ['name', 'age'],
            additionalProperties: false,
          },
        },
      },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({
      name: expect.any(String),
      age: expect.any(Number),
    });
  });

  it('are parsed by the client’s own helper', async () => {
    const parsed = await ai.chat.completions.parse({
      model,
      messages: saying('any object'),
      response_format: { type: 'json_object' },
    });
    expect(JSON.parse(parsed.choices[0]?.message.content ?? '')).toMatchObject({ answer: 'any object' });
  });

  it('are several alternatives, whole and streamed', async () => {
    const answer = await ai.chat.completions.create({ model, messages: saying('thrice'), n: 3 });
    expect(answer.choices.map(({ index, finish_reason }) => [index, finish_reason])).toEqual([
      [0, 'stop'],
      [1, 'stop'],
      [2, 'stop'],
    ]);
    const stream = await ai.chat.completions.create({ model, messages: saying('twice'), n: 2, stream: true });
    const finished: number[] = [];
    for await (const { choices } of stream)
      for (const { index, finish_reason } of choices) if (finish_reason === 'stop') finished.push(index);
    expect(finished).toEqual([0, 1]);
  });

  it('end with length where they are cut', async () => {
    const answer = await ai.chat.completions.create({
      model,
      messages: saying('a long story of a small bird'),
      max_completion_tokens: 6,
    });
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage?.completion_tokens).toBeLessThanOrEqual(6);
  });

  it.each(['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const)(
    'think with the effort %s, on models with levels, without knowing of them, and with budgets',
    async (reasoning_effort) => {
      for (const name of [model, 'gemini-2.5-flash']) {
        const answer = await ai.chat.completions.create({
          model: name,
          messages: saying('think'),
          reasoning_effort,
        });
        expect(answer.choices[0]?.finish_reason).toBe('stop');
      }
    },
  );

  it('tell their thoughts where Gemini’s own fields ask for them', async () => {
    const google = { thinking_config: { include_thoughts: true } };
    const body = { model, messages: saying('think aloud'), extra_body: { google } };
    const answer = await ai.chat.completions.create(body);
    expect(answer.choices[0]?.message).toMatchObject({
      reasoning_content: expect.stringContaining('Considering'),
      content: expect.stringContaining('think aloud'),
    });
    const streamed = await readChat(await ai.chat.completions.create({ ...body, stream: true }));
    expect(streamed.reasoning).toContain('Considering');
    expect(streamed.content).not.toContain('Considering');
  });

  it('are asked of a task by prefix or header, and carry feature and tags', async () => {
    await ai.chat.completions.create(
      { model: 'task:summary', messages: saying('short'), metadata: { feature: 'search', run: '7' } },
      named('by-prefix'),
    );
    expect(await lineOf(under, 'by-prefix')).toMatchObject({
      task_type: 'summary',
      feature: 'search',
      model_used: 'gemini-3.5-flash-lite',
    });
    await ai.chat.completions.create(
      { model, messages: saying('short') },
      named('by-header', { 'x-gateway-task': 'summary', 'x-gateway-feature': 'chat' }),
    );
    expect(await lineOf(under, 'by-header')).toMatchObject({
      task_type: 'summary',
      feature: 'chat',
      model_used: model,
    });
  });

  it('are served with the tier that is asked for, and tell it', async () => {
    const answer = await ai.chat.completions.create({
      model,
      messages: saying('cheap'),
      service_tier: 'flex',
    });
    expect(answer.service_tier).toBe('flex');
    expect((await ai.chat.completions.create({ model, messages: saying('usual') })).service_tier).toBe(
      'default',
    );
  });
});

const GIF = 'R0lGODlhAQABAAAAACwAAAAAAQABAAA=';
