import type { SchemaVerdict } from './compiled-schema.js';
import type { Unsound, ValidatorTerms } from './schema-validators.js';

/** What the worker thread is asked. */
export type SchemaJob =
  | { readonly kind: 'compile'; readonly terms: ValidatorTerms }
  /** `document` is JSON. */
  | { readonly kind: 'validate'; readonly terms: ValidatorTerms; readonly document: string };

/** What it answers. */
export type SchemaReply =
  | { readonly kind: 'sound' }
  | { readonly kind: 'unsound'; readonly unsound: Unsound }
  | { readonly kind: 'verdict'; readonly verdict: SchemaVerdict };

/** What it says once, when it can be asked. */
export const WORKER_READY = 'ready';
