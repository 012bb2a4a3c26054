import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { messageRequest, refusalOf } from './fixtures.js';

const tool = (name: string, more: JsonObject = {}): JsonObject => ({
  name,
  input_schema: { type: 'object' },
  ...more,
});
const choosing = (tool_choice: JsonValue, tools = [tool('find'), tool('read')]): unknown => {
  const { toolConfig } = messageRequest({ tools, tool_choice });
  return toolConfig?.['functionCallingConfig'];
};
const fieldOf = (fields: JsonObject): string | undefined => refusalOf(() => messageRequest(fields)).field;

describe('tools', () => {
  it('are declarations, with their schemas as they are', () => {
    const input_schema = { type: 'object', properties: { place: { type: ['string', 'null'] } }, $defs: {} };
    const { tools, toolConfig } = messageRequest({
      tools: [
        tool('find', {
          type: 'custom',
          description: 'Finds.',
          input_schema,
          cache_control: { type: 'ephemeral' },
          allowed_callers: ['direct'],
          defer_loading: false,
          eager_input_streaming: false,
          strict: false,
        }),
        tool('read', { type: null }),
      ],
    });
    expect(tools).toEqual([
      {
        functionDeclarations: [
          { name: 'find', description: 'Finds.', parametersJsonSchema: input_schema },
          { name: 'read', parametersJsonSchema: { type: 'object' } },
        ],
      },
    ]);
    expect(toolConfig).toBeUndefined();
    expect(messageRequest({ tools: [] })).not.toHaveProperty('tools');
  });

  it.each<[JsonValue, unknown]>([
    [{ type: 'auto' }, undefined],
    [{ type: 'auto', disable_parallel_tool_use: false }, undefined],
    [{ type: 'any' }, { mode: 'ANY' }],
    [
      { type: 'tool', name: 'read' },
      { mode: 'ANY', allowedFunctionNames: ['read'] },
    ],
    [{ type: 'none' }, { mode: 'NONE' }],
  ])('are chosen: %j', (choice, config) => {
    expect(choosing(choice)).toEqual(config);
  });

  it('are held to their schemas where one of them is strict', () => {
    const tools = [tool('find'), tool('read', { strict: true })];
    expect(choosing(null, tools)).toEqual({ mode: 'VALIDATED' });
    expect(choosing({ type: 'auto' }, tools)).toEqual({ mode: 'VALIDATED' });
    expect(choosing({ type: 'any' }, tools)).toEqual({ mode: 'ANY' });
  });

  it('need not be there to choose none, or one at a time of them', () => {
    expect(choosing({ type: 'none' }, [])).toBeUndefined();
    expect(choosing({ type: 'auto', disable_parallel_tool_use: true }, [])).toBeUndefined();
  });

  it('may be a thousand', () => {
    const { tools } = messageRequest({
      tools: Array.from({ length: 1_000 }, (_none, index) => tool(`tool_${index}`)),
    });
    expect((tools as JsonObject[])[0]?.['functionDeclarations']).toHaveLength(1_000);
  });

  it.each<[JsonValue, string]>([
    ['find', 'tools'],
    [['find'], 'tools[0]'],
    [[{ type: 'web_search_20260318', name: 'web_search' }], 'tools[0].type'],
    [[{ type: 'computer_toolset_20260801' }], 'tools[0].type'],
    [[{ name: 'find' }], 'tools[0].input_schema'],
    [[tool('')], 'tools[0].name'],
    [[tool('a b')], 'tools[0].name'],
    [[tool('find'), tool('find')], 'tools[1].name'],
    [[tool('find', { description: 7 })], 'tools[0].description'],
    [[tool('find', { strict: 'yes' })], 'tools[0].strict'],
    [[tool('find', { allowed_callers: ['code_execution_20260521'] })], 'tools[0].allowed_callers'],
    [[tool('find', { defer_loading: true })], 'tools[0].defer_loading'],
    [[tool('find', { eager_input_streaming: true })], 'tools[0].eager_input_streaming'],
    [[tool('find', { input_examples: [{}] })], 'tools[0].input_examples'],
    [[tool('find', { mood: 1 })], 'tools[0].mood'],
  ])('are refused: %j', (tools, field) => {
    expect(fieldOf({ tools })).toBe(field);
  });

  it.each<[JsonValue, string]>([
    ['any', 'tool_choice'],
    [{ type: 'some' }, 'tool_choice.type'],
    [{ type: 'tool' }, 'tool_choice.name'],
    [{ type: 'tool', name: 'write' }, 'tool_choice.name'],
    [{ type: 'any', name: 'find' }, 'tool_choice.name'],
    [{ type: 'auto', disable_parallel_tool_use: true }, 'tool_choice.disable_parallel_tool_use'],
    [{ type: 'auto', disable_parallel_tool_use: 'no' }, 'tool_choice.disable_parallel_tool_use'],
  ])('are not chosen by %j', (tool_choice, field) => {
    expect(fieldOf({ tools: [tool('find')], tool_choice })).toBe(field);
  });

  it('must be there to be chosen', () => {
    expect(fieldOf({ tool_choice: { type: 'any' } })).toBe('tool_choice');
    expect(fieldOf({ tool_choice: { type: 'tool', name: 'find' } })).toBe('tool_choice');
  });
});
