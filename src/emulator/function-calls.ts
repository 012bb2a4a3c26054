import type { FunctionCall, GenerateContentRequest } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { Prompt } from './prompt.js';
import { Random } from './random.js';
import { randomDocument } from './random-document.js';

/**
 * The calls that the answer makes: every declared function that the last user text names, in order of
 * declaration; in mode ANY at least the first one allowed. Arguments are valid against the declaration. None
 * in mode NONE, and none after a function response unless mode ANY demands one.
 */
export function functionCalls(request: GenerateContentRequest, prompt: Prompt, seed: number): FunctionCall[] {
  if (request.tools === undefined) return [];
  const config = request.toolConfig?.functionCallingConfig;
  const mode = isJsonObject(config) && typeof config.mode === 'string' ? config.mode : 'AUTO';
  if (mode === 'NONE' || (prompt.answersFunctionCall && mode !== 'ANY')) return [];
  const names = isJsonObject(config) ? config.allowedFunctionNames : undefined;
  const allowed = Array.isArray(names) && names.length > 0 ? names : undefined;
  const usable = declarations(request).filter((each) => allowed === undefined || allowed.includes(each.name));
  const named = usable.filter((each) => prompt.text.includes(each.name));
  const chosen = named.length === 0 && mode === 'ANY' ? usable.slice(0, 1) : named;
  return chosen.map((declaration, index) => ({
    name: declaration.name,
    args: argumentsOf(declaration, new Random(prompt.hash + seed + index)),
  }));
}

type Declaration = JsonObject & { name: string };

function declarations(request: GenerateContentRequest): Declaration[] {
  const found: Declaration[] = [];
  for (const tool of request.tools ?? []) {
    if (!Array.isArray(tool.functionDeclarations)) continue;
    for (const each of tool.functionDeclarations)
      if (isJsonObject(each) && typeof each.name === 'string') found.push(each as Declaration);
  }
  return found;
}

function argumentsOf(declaration: JsonObject, random: Random): JsonObject {
  const schema = declaration.parameters ?? declaration.parametersJsonSchema;
  const made = isJsonObject(schema) ? randomDocument(schema, random) : {};
  return isJsonObject(made) ? made : {};
}
