import type { JsonObject, JsonValue } from '../core/json.js';

/** One way in which a value does not fit a schema. Names properties and limits, never the value itself. */
export interface SchemaError {
  /** JSON pointer (RFC 6901) to the part of the value; empty for the whole of it. */
  readonly path: string;
  /** What is wrong, following the path in a sentence: `must be string`. */
  readonly message: string;
  /** The keyword of the schema that says so; `size` or `depth` where the value is too large to be checked. */
  readonly keyword: string;
}

/** What became of checking a value. At most `MAX_SCHEMA_ERRORS` errors are given, the first ones. */
export type SchemaVerdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly errors: readonly SchemaError[] };

/** The two forms in which Gemini takes a schema, `responseJsonSchema` and `responseSchema`. */
export type WireForm = 'jsonSchema' | 'openApiSchema';

/** Something that Gemini is not told of, and that the gateway enforces on the answer all the same. */
export interface Relaxation {
  /** JSON pointer to the place in the caller's schema. */
  readonly path: string;
  /** Keyword that was left out or weakened. */
  readonly keyword: string;
  /** Why, as the end of a sentence: `responseJsonSchema has no such keyword`. */
  readonly why: string;
  /** The form that does not say it; neither does where this is absent. */
  readonly form?: WireForm;
}

/** A schema as Gemini takes it, in both of its forms, and what they say less than the caller's. */
export interface WireSchemas {
  /** For `responseJsonSchema`. */
  readonly jsonSchema: JsonObject;
  /** For `responseSchema`, the OpenAPI 3 subset. */
  readonly openApiSchema: JsonObject;
  /** What one form or the other does not say. */
  readonly relaxed: readonly Relaxation[];
}

/** A schema that was found sound. Frozen; may be kept and shared between calls and tenants. */
export interface CompiledSchema extends WireSchemas {
  /** SHA-256 of the canonical schema, hexadecimal: the order of members does not matter to it. */
  readonly id: string;
  /** The schema as the caller gave it. */
  readonly source: JsonObject;
  /**
   * Checks a value against the whole of the caller's schema, whatever Gemini was told. Values too large or too
   * deep to be checked are not valid. Rejects with `SCHEMA_MISMATCH` where checking takes longer than it may,
   * with `QUEUE_FULL` where too much waits to be checked, and with `CANCELLED` at shutdown.
   */
  validate(value: JsonValue): Promise<SchemaVerdict>;
}

/** Most errors that a verdict gives. */
export const MAX_SCHEMA_ERRORS = 20;
