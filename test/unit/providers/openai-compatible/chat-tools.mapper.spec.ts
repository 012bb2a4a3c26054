import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/core/json.js';
import { toTools } from '../../../../src/providers/openai-compatible/chat-tools.mapper.js';

const declared = (...names: string[]) => [{ functionDeclarations: names.map((name) => ({ name })) }];
const calling = (functionCallingConfig: JsonObject) => ({ functionCallingConfig });
const tool = (name: string, more: JsonObject = {}) => ({ type: 'function', function: { name, ...more } });

/** Fields at fault in themselves; all others are good, and only have no counterpart. */
const MISTAKES = new Set(['tools[0].functionDeclarations[0].name']);
const reasonOf = (field: string) => (MISTAKES.has(field) ? 'INVALID_REQUEST' : 'UNIMPLEMENTED');

describe('toTools', () => {
  it('is nothing without functions, whatever the tool config says', () => {
    expect(toTools({})).toEqual({});
    expect(toTools({ tools: [], toolConfig: calling({ mode: 'NONE' }) })).toEqual({});
  });

  it('maps declarations of all tools, with parameters of both kinds', () => {
    const schema = { type: 'object', properties: { at: { type: 'integer' } } };
    const parameters = { type: 'OBJECT', properties: { at: { type: 'INTEGER' } } };
    const tools = [
      {
        functionDeclarations: [
          { name: 'look', description: 'Looks.', parameters, response: { type: 'STRING' } },
        ],
      },
      { functionDeclarations: [{ name: 'jump', parametersJsonSchema: schema }, { name: 'sit' }] },
    ];
    expect(toTools({ tools })).toEqual({
      tools: [
        tool('look', { description: 'Looks.', parameters: schema }),
        tool('jump', { parameters: schema }),
        tool('sit'),
      ],
    });
  });

  it.each([
    ['MODE_UNSPECIFIED', 'auto'],
    ['AUTO', 'auto'],
    ['ANY', 'required'],
    ['NONE', 'none'],
  ])('maps mode %s to %s', (mode, choice) => {
    expect(toTools({ tools: declared('look'), toolConfig: calling({ mode }) })).toEqual({
      tools: [tool('look')],
      tool_choice: choice,
    });
  });

  it('declares only the functions that are allowed', () => {
    const toolConfig = calling({ mode: 'ANY', allowedFunctionNames: ['sit'] });
    expect(toTools({ tools: declared('look', 'sit'), toolConfig })).toEqual({
      tools: [tool('sit')],
      tool_choice: 'required',
    });
  });

  it.each<[string, JsonObject]>([
    ['tools[1].googleSearch', { tools: [...declared('look'), { googleSearch: {} }] }],
    [
      'tools[0].functionDeclarations[0].behavior',
      {
        tools: [{ functionDeclarations: [{ name: 'look', behavior: 'NON_BLOCKING' }] }],
      },
    ],
    ['tools[0].functionDeclarations[0].name', { tools: [{ functionDeclarations: [{}] }] }],
    ['toolConfig.retrievalConfig', { toolConfig: { retrievalConfig: {} } }],
    ['toolConfig.functionCallingConfig.mode', { toolConfig: calling({ mode: 'VALIDATED' }) }],
    [
      'toolConfig.functionCallingConfig.streamFunctionCallArguments',
      {
        toolConfig: calling({ streamFunctionCallArguments: true }),
      },
    ],
  ])('refuses %s', (field, request) => {
    expect(() => toTools(request)).toThrow(
      expect.objectContaining({ reason: reasonOf(field), metadata: { field } }),
    );
  });
});
