import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/** Fields whose snake_case form is read as well. */
const FIELDS =
  'systemInstruction toolConfig safetySettings generationConfig cachedContent serviceTier continuationToken ' +
  'thoughtSignature inlineData fileData functionCall functionResponse mimeType fileUri videoMetadata ' +
  'mediaResolution functionDeclarations parametersJsonSchema googleSearch functionCallingConfig ' +
  'allowedFunctionNames topP topK candidateCount maxOutputTokens stopSequences responseMimeType responseSchema ' +
  'responseJsonSchema responseModalities thinkingConfig includeThoughts thinkingBudget thinkingLevel ' +
  'generateContentRequest outputDimensionality taskType';

const CAMEL_BY_SNAKE: ReadonlyMap<string, string> = new Map(
  FIELDS.split(' ').map((field) => [
    field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    field,
  ]),
);
/** Values in which names are the caller's own. */
const FREE_FORM: ReadonlySet<string> = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseSchema',
  'responseJsonSchema',
  'labels',
]);
/** Deeper than any field that is read. */
const DEEPEST = 12;

/** The request with Google's fields in camelCase: proto JSON takes either form. Other fields stay as they are. */
export function camelCased(request: JsonObject): JsonObject {
  return renamed(request, 0) as JsonObject;
}

/** The same value where nothing had to be renamed. */
function renamed(value: JsonValue | undefined, depth: number): JsonValue | undefined {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  if (isJsonObject(value)) return renamedObject(value, depth);
  let copy: JsonValue[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const item = renamed(value[index], depth + 1);
    if (item !== value[index] && item !== undefined) (copy ??= [...value])[index] = item;
  }
  return copy ?? value;
}

function renamedObject(value: JsonObject, depth: number): JsonObject {
  let copy: JsonObject | undefined;
  for (const given in value) {
    const field = CAMEL_BY_SNAKE.get(given) ?? given;
    const content = FREE_FORM.has(field) ? value[given] : renamed(value[given], depth + 1);
    if (field === given && content === value[given]) continue;
    copy ??= { ...value };
    if (field !== given) delete copy[given];
    copy[field] = content;
  }
  return copy ?? value;
}
