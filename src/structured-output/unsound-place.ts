import { isJsonObject, type JsonObject } from '../core/json.js';
import { pointerTo } from './json-pointer.js';
import { PATTERN_REFUSED, type Unsound } from './schema-validators.js';
import { subSchemasOf } from './sub-schemas.js';

/** Says in the caller's words what the validator's maker said of a schema, and where in it. */
export function unsoundPlace(schema: JsonObject, { message, path }: Unsound): Unsound {
  const reference = /^can't resolve reference (.*) from id /s.exec(message)?.[1];
  if (reference !== undefined)
    return {
      message: `"${reference}" is not in the schema, and schemas are never fetched`,
      path: placeOf(schema, '', (part, at) => namedBy(part, at, reference)) ?? '',
    };
  if (message.startsWith(PATTERN_REFUSED))
    return { message, path: placeOf(schema, '', (part, at) => withPattern(part, at, message)) ?? '' };
  return { message: message.replace(/\.$/, ''), path };
}

type Finder = (schema: JsonObject, path: string) => string | undefined;

function placeOf(schema: JsonObject, path: string, find: Finder): string | undefined {
  const here = find(schema, path);
  if (here !== undefined) return here;
  for (const { schema: inner, path: at } of subSchemasOf(schema, path)) {
    const found = isJsonObject(inner) ? placeOf(inner, at, find) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function namedBy(schema: JsonObject, path: string, reference: string): string | undefined {
  const keyword = ['$ref', '$dynamicRef'].find((name) => schema[name] === reference);
  return keyword === undefined ? undefined : pointerTo(path, keyword);
}

function withPattern(schema: JsonObject, path: string, message: string): string | undefined {
  const { pattern, patternProperties } = schema;
  const refused = (text: string): boolean => message.startsWith(`${PATTERN_REFUSED} ${JSON.stringify(text)}`);
  if (typeof pattern === 'string' && refused(pattern)) return pointerTo(path, 'pattern');
  const names = isJsonObject(patternProperties) ? Object.keys(patternProperties) : [];
  const name = names.find(refused);
  return name === undefined ? undefined : pointerTo(pointerTo(path, 'patternProperties'), name);
}
