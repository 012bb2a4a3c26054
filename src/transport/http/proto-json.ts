import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/**
 * A request with the field names that the gateway reads in camelCase. Google takes snake_case as well (proto
 * JSON). Only the fields of Gemini's own messages are renamed, never names within arguments, schemas or
 * responses. Returns the very same object where nothing was to be renamed.
 */
export function camelCased(request: JsonObject): JsonObject {
  return hasSnakeCase(request) ? message(request, REQUEST) : request;
}

type Shape = { readonly [field: string]: Shape };

const LEAF: Shape = {};
const PART: Shape = {
  inlineData: LEAF,
  fileData: LEAF,
  functionCall: LEAF,
  functionResponse: LEAF,
  videoMetadata: LEAF,
};
const CONTENT: Shape = { parts: PART };
const GENERATE: Shape = {
  contents: CONTENT,
  systemInstruction: CONTENT,
  tools: { functionDeclarations: LEAF },
  toolConfig: { functionCallingConfig: LEAF },
  safetySettings: LEAF,
  generationConfig: { thinkingConfig: LEAF },
};
const REQUEST: Shape = {
  ...GENERATE,
  content: CONTENT,
  requests: { content: CONTENT },
  generateContentRequest: GENERATE,
};

function message(value: JsonObject, shape: Shape): JsonObject {
  const renamed: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    const camel = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    renamed[camel] =
      field === undefined ? field : inner(field, Object.hasOwn(shape, camel) ? shape[camel] : undefined);
  }
  return renamed;
}

function inner(value: JsonValue, shape: Shape | undefined): JsonValue {
  if (shape === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => inner(item, shape));
  return isJsonObject(value) ? message(value, shape) : value;
}

// The usual request is camelCase throughout: one look at each place where a message can be decides.
function hasSnakeCase(value: JsonObject, shape: Shape = REQUEST): boolean {
  for (const [name, field] of Object.entries(value)) {
    if (name.includes('_')) return true;
    const below = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (below === undefined) continue;
    for (const item of Array.isArray(field) ? field : [field]) {
      if (isJsonObject(item) && hasSnakeCase(item, below)) return true;
    }
  }
  return false;
}
