import type { JsonObject, JsonValue } from '../../core/json.js';
import { toJsonSchema } from './json-schema.mapper.js';
import { allowOnly, objectAt, objectsAt, stringAt, unmappable } from './request-fields.js';

const TOOL_FIELDS = new Set(['functionDeclarations']);
// What a function answers is no part of what the model is told there.
const DECLARATION_FIELDS = new Set([
  'name',
  'description',
  'parameters',
  'parametersJsonSchema',
  'response',
  'responseJsonSchema',
]);
const CONFIG_FIELDS = new Set(['functionCallingConfig']);
const CALLING_FIELDS = new Set(['mode', 'allowedFunctionNames']);

const CHOICES: ReadonlyMap<string, string> = new Map([
  ['MODE_UNSPECIFIED', 'auto'],
  ['AUTO', 'auto'],
  ['ANY', 'required'],
  ['NONE', 'none'],
]);

/**
 * The `tools` and `tool_choice` of a chat request. Only functions exist there; to allow some of them, the others
 * are not declared.
 */
export function toTools(request: Readonly<JsonObject>): JsonObject {
  const { choice, allowed } = callingConfig(request['toolConfig']);
  const tools = objectsAt(request['tools'], 'tools').flatMap(([tool, path]) => {
    allowOnly(tool, TOOL_FIELDS, path);
    return objectsAt(tool['functionDeclarations'], `${path}.functionDeclarations`).map(toTool);
  });
  const usable = tools.filter(({ function: { name } }) => allowed === undefined || allowed.has(name));
  if (usable.length === 0) return {};
  return { tools: usable, ...(choice === undefined ? {} : { tool_choice: choice }) };
}

type ChatTool = {
  type: 'function';
  function: { name: string; description?: JsonValue; parameters?: JsonValue };
};

function toTool([declaration, path]: [JsonObject, string]): ChatTool {
  allowOnly(declaration, DECLARATION_FIELDS, path);
  const { description } = declaration;
  const parameters = declaration['parametersJsonSchema'] ?? toJsonSchema(declaration['parameters']);
  return {
    type: 'function',
    function: {
      name: stringAt(declaration['name'], `${path}.name`),
      ...(description === undefined ? {} : { description }),
      ...(parameters === undefined ? {} : { parameters }),
    },
  };
}

function callingConfig(value: JsonValue | undefined): { choice?: string; allowed?: ReadonlySet<JsonValue> } {
  const toolConfig = objectAt(value, 'toolConfig');
  allowOnly(toolConfig, CONFIG_FIELDS, 'toolConfig');
  const path = 'toolConfig.functionCallingConfig';
  const config = objectAt(toolConfig['functionCallingConfig'], path);
  allowOnly(config, CALLING_FIELDS, path);
  const { mode, allowedFunctionNames: names } = config;
  const choice = mode === undefined ? undefined : CHOICES.get(stringAt(mode, `${path}.mode`));
  // VALIDATED promises calls that match their schema, which nothing there does for any schema.
  if (mode !== undefined && choice === undefined) throw unmappable(`${path}.mode`);
  return {
    ...(choice === undefined ? {} : { choice }),
    ...(Array.isArray(names) && names.length > 0 ? { allowed: new Set(names) } : {}),
  };
}
