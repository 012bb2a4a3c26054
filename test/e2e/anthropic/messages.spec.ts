import type Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DEFAULT_CONFIG, gatewayUnderTest, TEST_KEY, type GatewayUnderTest } from '../../helpers/gateway.js';
import { lineOf } from '../../helpers/google-clients.js';
import { recordedUpstream, type RecordedUpstream } from '../openai/recorded-upstream.js';
import { anthropicClient, named, textOf } from './clients.js';

const model = 'gemini-3.8-flash';
const saying = (content: string): Anthropic.MessageParam[] => [{ role: 'user', content }];
const GIF = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';

describe('messages by the official client', () => {
  let upstream: RecordedUpstream;
  let under: GatewayUnderTest;
  let ai: Anthropic;
  beforeAll(async () => {
    under = await gatewayUnderTest({
      config: async (emulator) => {
        upstream = await recordedUpstream(emulator.url);
        return DEFAULT_CONFIG.replaceAll('${emulator}', upstream.url);
      },
    });
    ai = anthropicClient(under);
  });
  beforeEach(() => under.emulator.scenarios.clear());
  afterAll(async () => {
    await under.close();
    await upstream.close();
  });

  const lastAsked = () => upstream.asked().at(-1);

  it('answer with one upstream call, whose tokens the caller and the log see', async () => {
    const before = under.upstreamCalls().length;
    const message = await ai.messages.create(
      { model, max_tokens: 1_000, messages: saying('the word is bittern') },
      named('unary'),
    );
    expect(message).toMatchObject({
      id: 'msg_unary',
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'text', text: expect.stringContaining('bittern'), citations: null }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      stop_details: null,
      _request_id: 'unary',
    });
    expect(message.content).toHaveLength(1);
    const [call, ...more] = under.upstreamCalls().slice(before);
    expect(more).toEqual([]);
    const { outputTokens = 0, thoughtsTokens = 0, inputTokens = 0 } = call ?? {};
    expect(thoughtsTokens).toBeGreaterThan(0);
    expect(message.usage).toMatchObject({
      input_tokens: inputTokens,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
      output_tokens: outputTokens + thoughtsTokens,
      output_tokens_details: { thinking_tokens: thoughtsTokens },
    });
    expect(lastAsked()?.generationConfig).toEqual({ maxOutputTokens: 1_000 });
    expect(await lineOf(under, 'unary')).toMatchObject({
      route: '/anthropic/v1/messages',
      model_used: model,
      status_code: 200,
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      thoughts_tokens: thoughtsTokens,
      outcome: 'ok',
    });
  });

  it('say in headers who answered', async () => {
    const { response } = await ai.messages
      .create({ model, max_tokens: 1_000, messages: saying('hello') })
      .withResponse();
    expect(response.headers.get('x-gateway-target')).toBe(`main/${model}`);
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
  });

  it('stream by the client’s own helper to the same message', async () => {
    const params = { model, max_tokens: 1_000, messages: saying('the word is dotterel') };
    const whole = await ai.messages.create(params);
    const stream = ai.messages.stream(params, named('stream'));
    let pieces = 0;
    stream.on('text', () => (pieces += 1));
    const message = await stream.finalMessage();
    expect(pieces).toBeGreaterThan(2);
    expect(textOf(message)).toBe(textOf(whole));
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage).toEqual(whole.usage);
    const call = under.upstreamCalls().at(-1);
    expect(call).toMatchObject({ operation: 'streamGenerateContent', stream: true });
    expect(await lineOf(under, 'stream')).toMatchObject({
      output_tokens: call?.outputTokens,
      finish_reason: 'STOP',
      outcome: 'ok',
    });
  });

  it('stream in Anthropic’s order of events, with one end', async () => {
    const body = { model, max_tokens: 1_000, messages: saying('hello'), stream: true };
    const response = await under.call('/anthropic/v1/messages', body, {
      headers: { 'x-api-key': TEST_KEY, authorization: '', 'anthropic-version': '2023-06-01' },
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const events = (await response.body.text())
      .split('\n\n')
      .map((block) => /^event: (.*)\ndata: \{"type":"(.*?)"/.exec(block)?.slice(1) ?? []);
    expect(events.pop()).toEqual([]);
    for (const [event, type] of events) expect(type).toBe(event);
    const names = events.map(([event]) => event);
    expect(names.filter((name) => name !== 'content_block_delta')).toEqual([
      'message_start',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it('are whole conversations, with instructions, images and documents', async () => {
    const before = under.upstreamCalls().length;
    const message = await ai.messages.create({
      model,
      max_tokens: 2_000,
      system: [{ type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: 'first: avocet' },
        { role: 'assistant', content: 'Yes?' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'second: godwit' },
            { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: GIF } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/heron.png' } },
            {
              type: 'document',
              title: 'Birds',
              source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
            },
          ],
        },
      ],
    });
    expect(message.stop_reason).toBe('end_turn');
    expect(lastAsked()).toMatchObject({
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'first: avocet' }] },
        { role: 'model', parts: [{ text: 'Yes?' }] },
        {
          role: 'user',
          parts: [
            { text: 'second: godwit' },
            { inlineData: { mimeType: 'image/gif', data: GIF } },
            { fileData: { mimeType: 'image/png', fileUri: 'https://example.com/heron.png' } },
            { text: 'Birds' },
            { inlineData: { mimeType: 'application/pdf', data: 'AAAA' } },
          ],
        },
      ],
    });
    expect(under.upstreamCalls()[before]?.inputTokens).toBeGreaterThan(2 * 258);
  });

  it('follow a JSON schema', async () => {
    const message = await ai.messages.create({
      model,
      max_tokens: 2_000,
      messages: saying('a person'),
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { name: { type: 'string' }, age: { type: 'integer' } },
            required: ['name', 'age'],
          },
        },
      },
    });
    expect(JSON.parse(textOf(message))).toEqual({ name: expect.any(String), age: expect.any(Number) });
  });

  it('end with max_tokens where they are cut', async () => {
    const message = await ai.messages.create({
      model,
      max_tokens: 6,
      messages: saying('a long story of a small bird'),
    });
    expect(message.stop_reason).toBe('max_tokens');
    expect(message.usage.output_tokens).toBeLessThanOrEqual(6);
  });

  it('show thoughts where thinking is asked for, whole and streamed, and take them back', async () => {
    const params = {
      model,
      max_tokens: 8_000,
      messages: saying('think of a lapwing'),
      thinking: { type: 'enabled' as const, budget_tokens: 2_000 },
    };
    const whole = await ai.messages.create(params);
    const streamed = await ai.messages.stream(params).finalMessage();
    expect(lastAsked()?.generationConfig?.thinkingConfig).toEqual({
      thinkingBudget: 2_000,
      includeThoughts: true,
    });
    for (const message of [whole, streamed])
      expect(message.content).toMatchObject([
        { type: 'thinking', thinking: expect.stringContaining('Considering') },
        { type: 'text' },
      ]);
    const again = await ai.messages.create({
      ...params,
      thinking: { type: 'adaptive' },
      output_config: { effort: 'low' },
      messages: [
        ...params.messages,
        { role: 'assistant', content: streamed.content },
        { role: 'user', content: 'and of a snipe' },
      ],
    });
    expect(textOf(again)).toContain('snipe');
    expect(lastAsked()?.generationConfig?.thinkingConfig).toEqual({
      thinkingLevel: 'LOW',
      includeThoughts: true,
    });
    expect(lastAsked()?.contents?.[1]?.parts?.[0]).toMatchObject({ thought: true });
  });

  it('think with every effort, and as little as can be without thinking', async () => {
    for (const name of [model, 'gemini-2.5-flash']) {
      for (const effort of ['low', 'medium', 'high', 'xhigh', 'max'] as const) {
        const message = await ai.messages.create({
          model: name,
          max_tokens: 1_000,
          messages: saying('think'),
          output_config: { effort },
        });
        expect(message.stop_reason).toBe('end_turn');
      }
      const { stop_reason } = await ai.messages.create({
        model: name,
        max_tokens: 1_000,
        messages: saying('think'),
        thinking: { type: 'disabled' },
      });
      expect(stop_reason).toBe('end_turn');
    }
    expect(lastAsked()?.generationConfig?.thinkingConfig).toEqual({ thinkingBudget: 0 });
  });

  it('ask tasks, and tell who asks', async () => {
    const message = await ai.messages.create(
      {
        model: 'task:summary',
        max_tokens: 1_000,
        messages: saying('x'),
        metadata: { user_id: 'user-1' },
        service_tier: 'standard_only',
      },
      named('task'),
    );
    expect(message.model).toBe('gemini-3.5-flash-lite');
    expect(lastAsked()).toMatchObject({ serviceTier: 'standard' });
    expect(await lineOf(under, 'task')).toMatchObject({ task_type: 'summary' });
  });

  it('have their tokens counted, tools and instructions included', async () => {
    const plain = { model, messages: saying('one two three') };
    const { input_tokens: few } = await ai.messages.countTokens(plain);
    const { input_tokens: more } = await ai.messages.countTokens({
      ...plain,
      system: 'Be as kind as can be.',
    });
    expect(few).toBeGreaterThan(0);
    expect(more).toBeGreaterThan(few);
    expect(under.upstreamCalls().at(-1)).toMatchObject({ operation: 'countTokens' });
  });

  it('are refusals where Google blocks answer or prompt, whole and streamed', async () => {
    for (const [kind, reason, what] of [
      ['safety', 'SAFETY', 'answer'],
      ['prompt-block', 'PROHIBITED_CONTENT', 'prompt'],
    ] as const) {
      under.emulator.scenarios.add({ kind, match: { text: kind }, times: 0 });
      const params = { model, max_tokens: 1_000, messages: saying(`tell me of ${kind}`) };
      const whole = await ai.messages.create(params);
      const streamed = await ai.messages.stream(params).finalMessage();
      for (const message of [whole, streamed])
        expect(message).toMatchObject({
          stop_reason: 'refusal',
          stop_details: {
            type: 'refusal',
            category: null,
            explanation: expect.stringContaining(`the ${what}: ${reason}`),
          },
        });
      expect(whole).toMatchObject({ gateway: { finish_reason: reason } });
    }
  });

  it('come from models that are listed with the tasks', async () => {
    const listed: string[] = [];
    for await (const { id } of ai.models.list()) listed.push(id);
    expect(listed).toEqual(expect.arrayContaining([model, 'task:summary']));
    expect(await ai.models.retrieve(model)).toMatchObject({ type: 'model', id: model });
    expect(await ai.models.retrieve('task:summary')).toMatchObject({ display_name: 'task:summary' });
  });
});
