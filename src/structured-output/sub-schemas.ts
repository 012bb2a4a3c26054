import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { pointerTo } from './json-pointer.js';

/** A schema within a schema. */
export interface SubSchema {
  /** An object, a boolean, or whatever stands where a schema belongs. */
  readonly schema: JsonValue;
  /** JSON pointer from the root. */
  readonly path: string;
  /** The keyword that holds it. */
  readonly keyword: string;
}

const ONE = new Set(
  `additionalItems additionalProperties contains contentSchema else if items not propertyNames then
  unevaluatedItems unevaluatedProperties`.split(/\s+/),
);
const LISTS = new Set(['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems']);

/** Keywords whose members are named by the caller, each a schema. `dependencies` may hold lists of names too. */
export const SCHEMA_MAPS: ReadonlySet<string> = new Set(
  '$defs definitions dependencies dependentSchemas patternProperties properties'.split(' '),
);

/** The schemas directly within a schema, of draft 2020-12 and of draft 7. */
export function* subSchemasOf(schema: JsonObject, path: string): Generator<SubSchema> {
  for (const [keyword, value] of Object.entries(schema)) {
    const at = pointerTo(path, keyword);
    if (Array.isArray(value)) {
      if (LISTS.has(keyword))
        for (const [index, entry] of value.entries())
          yield { schema: entry, path: pointerTo(at, index), keyword };
    } else if (SCHEMA_MAPS.has(keyword) && isJsonObject(value)) {
      for (const [name, entry] of Object.entries(value))
        if (entry !== undefined && !Array.isArray(entry))
          yield { schema: entry, path: pointerTo(at, name), keyword };
    } else if (value !== undefined && ONE.has(keyword)) yield { schema: value, path: at, keyword };
  }
}
