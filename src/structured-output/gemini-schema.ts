import type { JsonObject } from '../core/json.js';
import { dialectOf, type SchemaDialect } from './bounded-schema.js';
import type { CompiledSchema, Relaxation, WireSchemas } from './compiled-schema.js';
import { jsonSchemaForm } from './json-schema-form.js';
import { openApiForm } from './open-api-form.js';
import { loweredDocument } from './wire-ladder.js';
import { WireReader } from './wire-reader.js';
import type { WireDocument } from './wire-shape.js';

/** Most relaxations that are reported. */
const MAX_RELAXATIONS = 200;

/** What Gemini is told of a schema within `SCHEMA_LIMITS`, in both forms, and what it is not told. */
export function wireSchemas(source: JsonObject, dialect: SchemaDialect): WireSchemas {
  return printed(new WireReader(source, dialect).read());
}

/**
 * What Gemini is told of a schema that it found too complex: with each level less, at the last its type alone.
 * Undefined when the level is beyond the last. `relaxed` lists all that is not told then.
 *
 * @param level from 1.
 */
export function relaxFurther({ source }: CompiledSchema, level: number): WireSchemas | undefined {
  const lowered = loweredDocument(new WireReader(source, dialectOf(source)).read(), level);
  return lowered === undefined ? undefined : printed(lowered);
}

function printed(document: WireDocument): WireSchemas {
  const found = new Map<string, Relaxation>();
  const relax = (relaxation: Relaxation): void => {
    const { path, keyword, form = '' } = relaxation;
    if (found.size < MAX_RELAXATIONS) found.set(`${form} ${keyword} ${path}`, relaxation);
  };
  for (const relaxation of document.relaxed) relax(relaxation);
  const jsonSchema = jsonSchemaForm(document, relax);
  const openApiSchema = openApiForm(document, relax);
  return { jsonSchema, openApiSchema, relaxed: [...found.values()] };
}
