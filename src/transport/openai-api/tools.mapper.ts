import type { JsonObject, JsonValue } from '../../core/json.js';
import { functionNameAt } from '../shared/function-name.js';
import {
  assertFields,
  booleanAt,
  type FieldRules,
  invalid,
  listAt,
  mapped,
  objectAt,
  present,
  refused,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';

/** Where an API keeps the definition of a function, and the name in a choice: in the tool itself, or within. */
export type ToolShape = 'nested' | 'flat';

const TOOL_FIELDS = { nested: mapped('type', 'function'), flat: mapped('type') } as const;
const FUNCTION_FIELDS = mapped('name', 'description', 'parameters', 'strict');
const FLAT_FIELDS: FieldRules = new Map([
  ...FUNCTION_FIELDS,
  ...TOOL_FIELDS.flat,
  ['allowed_callers', refused('there are no other callers')],
  ['async', refused('calls wait for their results')],
  ['defer_loading', refused('all functions are told to the model at once')],
  ['output_schema', refused('results are not checked')],
]);

type Mode = 'AUTO' | 'ANY' | 'NONE' | 'VALIDATED';

/** The functions that the model may call, and how it is told to. */
export interface MappedTools {
  readonly declarations: readonly JsonObject[];
  /** `functionCallingConfig`; absent where the model decides. */
  readonly calling?: JsonObject;
}

/**
 * The functions of `tools` with `tool_choice` and `parallel_tool_calls`. `strict` becomes the mode in which the model
 * keeps to the schemas.
 */
export function toTools(body: JsonObject, shape: ToolShape): MappedTools {
  const given = present(body['tools']);
  const tools = given === undefined ? [] : listAt(given, 'tools');
  const names = new Set<string>();
  let strict = false;
  const declarations = tools.map((item, index): JsonObject => {
    const path = `tools[${index}]`;
    const [definition, at] = definitionAt(objectAt(item, path), path, shape);
    const name = functionNameAt(definition['name'], `${at}.name`);
    if (names.has(name)) throw invalid(`${at}.name`, 'is the name of another function, too');
    names.add(name);
    if (present(definition['strict']) !== undefined)
      strict = booleanAt(definition['strict'], `${at}.strict`) || strict;
    const description = present(definition['description']);
    const parameters = present(definition['parameters']);
    return {
      name,
      ...(description === undefined ? {} : { description: textAt(description, `${at}.description`) }),
      ...(parameters === undefined ? {} : { parametersJsonSchema: objectAt(parameters, `${at}.parameters`) }),
    };
  });
  const parallel = present(body['parallel_tool_calls']);
  if (parallel !== undefined && !booleanAt(parallel, 'parallel_tool_calls') && tools.length > 0)
    throw unsupported('parallel_tool_calls', 'the model cannot be kept from calling several at once');
  const calling = toCalling(present(body['tool_choice']), names, strict, shape);
  return { declarations, ...(calling === undefined ? {} : { calling }) };
}

function definitionAt(tool: JsonObject, path: string, shape: ToolShape): [JsonObject, string] {
  if (tool['type'] !== 'function')
    throw unsupported(
      `${path}.type`,
      'only functions can be called; Google’s own tools go in `google.tools`',
    );
  if (shape === 'flat') {
    assertFields(tool, FLAT_FIELDS, path);
    return [tool, path];
  }
  assertFields(tool, TOOL_FIELDS.nested, path);
  const at = `${path}.function`;
  const definition = objectAt(tool['function'], at);
  assertFields(definition, FUNCTION_FIELDS, at);
  return [definition, at];
}

function toCalling(
  choice: JsonValue | undefined,
  names: ReadonlySet<string>,
  strict: boolean,
  shape: ToolShape,
): JsonObject | undefined {
  const free: Mode = strict ? 'VALIDATED' : 'AUTO';
  if (choice === undefined || choice === 'auto') return names.size > 0 && strict ? { mode: free } : undefined;
  if (choice === 'none') return names.size > 0 ? { mode: 'NONE' } : undefined;
  if (names.size === 0) throw invalid('tool_choice', 'names a choice where there are no tools');
  if (choice === 'required') return { mode: 'ANY' };
  const object = objectAt(choice, 'tool_choice');
  const type = wordAt(object['type'], 'tool_choice.type', ['function', 'allowed_tools'] as const);
  if (type === 'function') {
    const name = choiceOf(object, 'tool_choice', names, shape);
    return { mode: 'ANY', allowedFunctionNames: [name] };
  }
  return allowedTools(object, names, shape);
}

function allowedTools(choice: JsonObject, names: ReadonlySet<string>, shape: ToolShape): JsonObject {
  const nested = shape === 'nested';
  assertFields(
    choice,
    nested ? mapped('type', 'allowed_tools') : mapped('type', 'mode', 'tools'),
    'tool_choice',
  );
  const path = nested ? 'tool_choice.allowed_tools' : 'tool_choice';
  const allowed = nested ? objectAt(choice['allowed_tools'], path) : choice;
  if (nested) assertFields(allowed, mapped('mode', 'tools'), path);
  const mode = wordAt(allowed['mode'], `${path}.mode`, ['auto', 'required'] as const);
  const chosen = listAt(allowed['tools'], `${path}.tools`).map((item, index) => {
    const at = `${path}.tools[${index}]`;
    return choiceOf(objectAt(item, at), at, names, shape);
  });
  if (chosen.length === 0) throw invalid(`${path}.tools`, 'must not be empty');
  // In mode AUTO Google takes no list of names.
  return { mode: mode === 'required' ? 'ANY' : 'VALIDATED', allowedFunctionNames: chosen };
}

function choiceOf(choice: JsonObject, path: string, names: ReadonlySet<string>, shape: ToolShape): string {
  const nested = shape === 'nested';
  if (choice['type'] !== 'function') throw unsupported(`${path}.type`, 'only functions can be called');
  assertFields(choice, nested ? mapped('type', 'function') : mapped('type', 'name'), path);
  const at = nested ? `${path}.function` : path;
  const fn = nested ? objectAt(choice['function'], at) : choice;
  if (nested) assertFields(fn, mapped('name'), at);
  const name = functionNameAt(fn['name'], `${at}.name`);
  if (!names.has(name)) throw invalid(`${at}.name`, 'names no function of `tools`');
  return name;
}
