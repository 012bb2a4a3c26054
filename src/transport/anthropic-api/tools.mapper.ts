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
  only,
  present,
  refused,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { CACHE_CONTROL } from './cache-control.js';

/** Fields of a tool of the caller's own. */
export const TOOL_FIELDS: FieldRules = new Map([
  ...mapped('type', 'name', 'description', 'input_schema', 'strict'),
  ['cache_control', CACHE_CONTROL],
  ['allowed_callers', only([['direct']], 'the model calls functions itself')],
  ['defer_loading', only([false], 'all tools are told to the model at once')],
  ['eager_input_streaming', only([false], 'calls are streamed whole')],
  ['input_examples', refused('declarations hold no examples; tell them in the description')],
]);

const CHOICE_FIELDS = {
  auto: mapped('type', 'disable_parallel_tool_use'),
  any: mapped('type', 'disable_parallel_tool_use'),
  tool: mapped('type', 'name', 'disable_parallel_tool_use'),
  none: mapped('type'),
} as const satisfies Record<string, FieldRules>;
const CHOICES = ['auto', 'any', 'tool', 'none'] as const;

/** Adds `tools` and `tool_choice` to a request. `strict` becomes the mode in which the model keeps to the schemas. */
export function addTools(request: JsonObject, body: JsonObject): void {
  const given = present(body['tools']);
  const tools = given === undefined ? [] : listAt(given, 'tools');
  const names = new Set<string>();
  let strict = false;
  const declarations = tools.map((item, index) => {
    const path = `tools[${index}]`;
    const tool = toolAt(item, path);
    const declaration = toDeclaration(tool, path, names);
    if (present(tool['strict']) !== undefined) strict = booleanAt(tool['strict'], `${path}.strict`) || strict;
    return declaration;
  });
  if (declarations.length > 0) request['tools'] = [{ functionDeclarations: declarations }];
  const calling = toCalling(present(body['tool_choice']), names, strict);
  if (calling !== undefined) request['toolConfig'] = { functionCallingConfig: calling };
}

function toolAt(item: JsonValue, path: string): JsonObject {
  const tool = objectAt(item, path);
  const type = present(tool['type']);
  if (type !== undefined && type !== 'custom')
    throw unsupported(`${path}.type`, 'only tools of the caller’s own can be used, described by a schema');
  assertFields(tool, TOOL_FIELDS, path);
  return tool;
}

function toDeclaration(tool: JsonObject, path: string, names: Set<string>): JsonObject {
  const name = functionNameAt(tool['name'], `${path}.name`);
  if (names.has(name)) throw invalid(`${path}.name`, 'is the name of another tool, too');
  names.add(name);
  const description = present(tool['description']);
  return {
    name,
    ...(description === undefined ? {} : { description: textAt(description, `${path}.description`) }),
    parametersJsonSchema: objectAt(tool['input_schema'], `${path}.input_schema`),
  };
}

function toCalling(
  given: JsonValue | undefined,
  names: ReadonlySet<string>,
  strict: boolean,
): JsonObject | undefined {
  const free = strict ? { mode: 'VALIDATED' } : undefined;
  if (given === undefined) return free;
  const choice = objectAt(given, 'tool_choice');
  const type = wordAt(choice['type'], 'tool_choice.type', CHOICES);
  assertFields(choice, CHOICE_FIELDS[type], 'tool_choice');
  assertParallel(choice, names.size > 0);
  if (type === 'none') return names.size > 0 ? { mode: 'NONE' } : undefined;
  if (type === 'auto') return free;
  if (names.size === 0) throw invalid('tool_choice', 'names a choice where there are no tools');
  if (type === 'any') return { mode: 'ANY' };
  const name = textAt(choice['name'], 'tool_choice.name');
  if (!names.has(name)) throw invalid('tool_choice.name', 'names no tool of `tools`');
  return { mode: 'ANY', allowedFunctionNames: [name] };
}

function assertParallel(choice: JsonObject, hasTools: boolean): void {
  const disabled = present(choice['disable_parallel_tool_use']);
  if (disabled === undefined) return;
  if (booleanAt(disabled, 'tool_choice.disable_parallel_tool_use') && hasTools)
    throw unsupported(
      'tool_choice.disable_parallel_tool_use',
      'the model cannot be kept from calling several at once',
    );
}
