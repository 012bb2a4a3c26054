import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { toTools, type ToolShape } from '../../../../src/transport/openai-api/tools.mapper.js';
import { refusalOf } from './fixtures.js';

/** A function tool in the shape of either API. */
function tool(shape: ToolShape, name: JsonValue, more: JsonObject = {}): JsonObject {
  return shape === 'nested'
    ? { type: 'function', function: { name, ...more } }
    : { type: 'function', name, ...more };
}

/** A choice of one function. */
function choice(shape: ToolShape, name: string): JsonObject {
  return shape === 'nested' ? { type: 'function', function: { name } } : { type: 'function', name };
}

/** A choice among some functions. */
function allowed(shape: ToolShape, mode: string, names: readonly string[]): JsonObject {
  return among(
    shape,
    names.map((name) => choice(shape, name)),
    { mode },
  );
}

/** A choice among these tools, with more fields beside them. */
function among(shape: ToolShape, tools: JsonObject[], more: JsonObject = {}): JsonObject {
  const allowed_tools = { mode: 'auto', tools, ...more };
  return shape === 'nested'
    ? { type: 'allowed_tools', allowed_tools }
    : { type: 'allowed_tools', ...allowed_tools };
}

/** A choice of one function with a field that nobody knows. */
function withField(shape: ToolShape, name: string): JsonObject {
  return shape === 'nested'
    ? { type: 'function', function: { name, colour: 1 } }
    : { type: 'function', name, colour: 1 };
}

describe.each<ToolShape>(['nested', 'flat'])('tools, %s', (shape) => {
  const at = shape === 'nested' ? '.function' : '';
  const tools = [tool(shape, 'find'), tool(shape, 'read')];

  it('are declared in their order; schemas pass as they are', () => {
    const parameters = { type: 'object', properties: { snake_name: { anyOf: [{ type: 'null' }] } } };
    expect(
      toTools(
        { tools: [tool(shape, 'find', { description: 'Finds.', parameters }), tool(shape, 'read')] },
        shape,
      ),
    ).toEqual({
      declarations: [
        { name: 'find', description: 'Finds.', parametersJsonSchema: parameters },
        { name: 'read' },
      ],
    });
  });

  it('may be a thousand', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => tool(shape, `tool_${index}`));
    expect(toTools({ tools: many }, shape).declarations).toHaveLength(1_000);
  });

  it.each<[string, JsonValue | undefined, JsonObject | undefined]>([
    ['nothing', undefined, undefined],
    ['auto', 'auto', undefined],
    ['none', 'none', { mode: 'NONE' }],
    ['required', 'required', { mode: 'ANY' }],
    ['one function', choice(shape, 'read'), { mode: 'ANY', allowedFunctionNames: ['read'] }],
    [
      'one of some',
      allowed(shape, 'required', ['read', 'find']),
      { mode: 'ANY', allowedFunctionNames: ['read', 'find'] },
    ],
    ['some', allowed(shape, 'auto', ['read']), { mode: 'VALIDATED', allowedFunctionNames: ['read'] }],
  ])('are chosen by %s', (_what, tool_choice, calling) => {
    expect(toTools({ tools, ...(tool_choice === undefined ? {} : { tool_choice }) }, shape).calling).toEqual(
      calling,
    );
  });

  it('keep to their schemas where one of them is strict', () => {
    const strict = [tool(shape, 'find', { strict: true }), tool(shape, 'read', { strict: false })];
    expect(toTools({ tools: strict }, shape).calling).toEqual({ mode: 'VALIDATED' });
    expect(toTools({ tools: strict, tool_choice: 'required' }, shape).calling).toEqual({ mode: 'ANY' });
    expect(toTools({ tools: [tool(shape, 'find', { strict: null })] }, shape).calling).toBeUndefined();
  });

  it('are none where there are none', () => {
    expect(toTools({}, shape)).toEqual({ declarations: [] });
    expect(toTools({ tools: null, tool_choice: 'none', parallel_tool_calls: false }, shape)).toEqual({
      declarations: [],
    });
  });

  it('may be called in parallel, and cannot be kept from it', () => {
    expect(toTools({ tools, parallel_tool_calls: true }, shape).declarations).toHaveLength(2);
    expect(refusalOf(() => toTools({ tools, parallel_tool_calls: false }, shape))).toMatchObject({
      param: 'parallel_tool_calls',
      code: 'unsupported_parameter',
    });
  });

  it.each<[string, JsonObject, string]>([
    ['no list', { tools: {} }, 'tools'],
    ['no tool', { tools: ['find'] }, 'tools[0]'],
    ['another kind', { tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0].type'],
    ['no name', { tools: [tool(shape, null)] }, `tools[0]${at}.name`],
    ['a name that Google refuses', { tools: [tool(shape, '1st')] }, `tools[0]${at}.name`],
    ['a name with a space', { tools: [tool(shape, 'a b')] }, `tools[0]${at}.name`],
    ['a name that is too long', { tools: [tool(shape, 'a'.repeat(129))] }, `tools[0]${at}.name`],
    ['one name twice', { tools: [tool(shape, 'x'), tool(shape, 'x')] }, `tools[1]${at}.name`],
    ['an unknown field', { tools: [tool(shape, 'x', { colour: 1 })] }, `tools[0]${at}.colour`],
    [
      'a description that is none',
      { tools: [tool(shape, 'x', { description: 1 })] },
      `tools[0]${at}.description`,
    ],
    [
      'parameters that are none',
      { tools: [tool(shape, 'x', { parameters: 'x' })] },
      `tools[0]${at}.parameters`,
    ],
    ['a strictness that is none', { tools: [tool(shape, 'x', { strict: 'x' })] }, `tools[0]${at}.strict`],
    ['a parallelism that is none', { tools, parallel_tool_calls: 'no' }, 'parallel_tool_calls'],
    ['a choice without tools', { tool_choice: 'required' }, 'tool_choice'],
    ['an unknown choice', { tools, tool_choice: 'perhaps' }, 'tool_choice'],
    ['an unknown kind of choice', { tools, tool_choice: { type: 'custom' } }, 'tool_choice.type'],
    [
      'a choice of a function that there is not',
      { tools, tool_choice: choice(shape, 'fly') },
      `tool_choice${at}.name`,
    ],
    [
      'a choice with an unknown field',
      { tools, tool_choice: { ...choice(shape, 'find'), mode: 'x' } },
      'tool_choice.mode',
    ],
    [
      'a choice among tools of another kind',
      { tools, tool_choice: among(shape, [{ type: 'custom', name: 'find' }]) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.tools[0].type`,
    ],
    [
      'a choice among tools with an unknown field',
      { tools, tool_choice: among(shape, [withField(shape, 'find')]) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.tools[0]${at}.colour`,
    ],
    [
      'a choice among some with an unknown field',
      { tools, tool_choice: among(shape, [choice(shape, 'find')], { colour: 1 }) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.colour`,
    ],
    [
      'a choice among nothing',
      { tools, tool_choice: allowed(shape, 'auto', []) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.tools`,
    ],
    [
      'a choice among functions that there are not',
      { tools, tool_choice: allowed(shape, 'auto', ['fly']) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.tools[0]${at}.name`,
    ],
    [
      'a choice in an unknown mode',
      { tools, tool_choice: allowed(shape, 'maybe', ['find']) },
      `tool_choice${shape === 'nested' ? '.allowed_tools' : ''}.mode`,
    ],
  ])('are refused: %s', (_what, body, param) => {
    expect(refusalOf(() => toTools(body, shape)).param).toBe(param);
  });
});
