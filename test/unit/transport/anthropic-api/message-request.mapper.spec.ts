import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import {
  isStreamed,
  MESSAGE_FIELDS,
  toCountRequest,
} from '../../../../src/transport/anthropic-api/message-request.mapper.js';
import { messageRequest, refusalOf } from './fixtures.js';

const fieldOf = (fields: JsonObject): string | undefined => refusalOf(() => messageRequest(fields)).field;

describe('a message as a request', () => {
  it('is no more than what it says', () => {
    expect(messageRequest()).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      generationConfig: { maxOutputTokens: 10 },
    });
  });

  it('has each setting in its place; null is absence', () => {
    expect(
      messageRequest({
        system: 'Be kind.',
        max_tokens: 500,
        temperature: 0.5,
        top_p: 0.9,
        top_k: 20,
        stop_sequences: ['a', 'b'],
        service_tier: 'standard_only',
        speed: 'standard',
        cache_control: { type: 'ephemeral' },
        output_config: { format: { type: 'json_schema', schema: { type: 'object' } }, effort: null },
        container: null,
        thread: null,
      }),
    ).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      generationConfig: {
        maxOutputTokens: 500,
        temperature: 0.5,
        topP: 0.9,
        topK: 20,
        stopSequences: ['a', 'b'],
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object' },
      },
      serviceTier: 'standard',
    });
    expect(messageRequest({ service_tier: 'auto' })).not.toHaveProperty('serviceTier');
    expect(messageRequest({ stop_sequences: [] }).generationConfig).toEqual({ maxOutputTokens: 10 });
  });

  it.each<[string, JsonValue]>([
    ['max_tokens', null],
    ['max_tokens', 0],
    ['max_tokens', 1.5],
    ['max_tokens', 2 ** 31],
    ['max_tokens', '10'],
    ['temperature', 2.1],
    ['temperature', -0.1],
    ['top_p', 1.1],
    ['top_k', 0],
    ['stop_sequences', 'a'],
    ['stop_sequences', ['1', '2', '3', '4', '5', '6']],
    ['service_tier', 'flex'],
    ['speed', 'fast'],
    ['system', 7],
    ['output_config', 'json'],
    ['cache_control', { type: 'ephemeral', ttl: '1h' }],
    ['mood', 'good'],
  ])('refuses "%s": %j', (field, value) => {
    expect(fieldOf({ [field]: value })).toBe(field);
  });

  it('names what is wrong within a field', () => {
    expect(fieldOf({ stop_sequences: ['a', ''] })).toBe('stop_sequences[1]');
    expect(fieldOf({ output_config: { task_budget: {} } })).toBe('output_config.task_budget');
    const format = (value: JsonObject): string | undefined => fieldOf({ output_config: { format: value } });
    expect(format({ type: 'text', schema: {} })).toBe('output_config.format.type');
    expect(format({ type: 'json_schema' })).toBe('output_config.format.schema');
    expect(format({ type: 'json_schema', schema: {}, name: 'x' })).toBe('output_config.format.name');
  });

  it.each([...MESSAGE_FIELDS].filter(([, { kind }]) => kind === 'refused').map(([name]) => name))(
    'refuses "%s" by name',
    (name) => {
      const { field, message } = refusalOf(() => messageRequest({ [name]: 'x' }));
      expect(field).toBe(name);
      expect(message).toMatch(new RegExp(`^"${name}" is not supported: \\S.*\\.$`));
    },
  );

  it('is streamed where it says so', () => {
    expect([{}, { stream: null }, { stream: false }, { stream: true }].map(isStreamed)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(refusalOf(() => isStreamed({ stream: 'yes' })).field).toBe('stream');
  });
});

describe('the question of a message’s tokens', () => {
  const question = { model: 'gemini-3.8-flash', messages: [{ role: 'user', content: 'hi' }] };

  it('asks about the whole request', () => {
    const tools = [{ name: 'find', input_schema: { type: 'object' } }];
    expect(toCountRequest({ ...question, system: 'Be kind.', tools }, []).request).toEqual({
      generateContentRequest: {
        contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
        systemInstruction: { parts: [{ text: 'Be kind.' }] },
        tools: [{ functionDeclarations: [{ name: 'find', parametersJsonSchema: { type: 'object' } }] }],
      },
    });
  });

  it('takes nothing that only an answer has', () => {
    for (const name of ['max_tokens', 'stream', 'temperature', 'metadata'])
      expect(refusalOf(() => toCountRequest({ ...question, [name]: 1 }, [])).field).toBe(name);
  });
});
