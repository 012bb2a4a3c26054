import type { JsonObject } from '../core/json.js';
import type { SchemaDialect } from './bounded-schema.js';
import type { WireSchemas } from './compiled-schema.js';

/** What Gemini is told of a schema. */
export function wireSchemas(source: JsonObject, _dialect: SchemaDialect): WireSchemas {
  return { jsonSchema: source, openApiSchema: {}, relaxed: [] };
}
