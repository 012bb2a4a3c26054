import type { BoundedSchema } from './bounded-schema.js';
import type { SchemaVerdict, WireSchemas } from './compiled-schema.js';
import type { Refusal } from './invalid-schema.js';
import type { ValidatorTerms } from './schema-validators.js';
import type { ValidationCost } from './validation-cost.js';

/** What the thread is asked. */
export type SchemaJob =
  /** `text` is the schema as the caller gave it. */
  | { readonly kind: 'compile'; readonly text: string }
  /** `document` is JSON. */
  | { readonly kind: 'validate'; readonly terms: ValidatorTerms; readonly document: string };

/** What the thread finds out about a schema. */
export interface SchemaFindings extends Omit<BoundedSchema, 'source'> {
  readonly cost: ValidationCost | undefined;
  readonly wire: WireSchemas;
}

/** What the thread answers. */
export type SchemaReply =
  | { readonly kind: 'compiled'; readonly findings: SchemaFindings }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'verdict'; readonly verdict: SchemaVerdict }
  /** The schema asks for itself without end. */
  | { readonly kind: 'endless' };

/** What it says once, when it can be asked. */
export const WORKER_READY = 'ready';
