import type { Part } from '../../core/gemini-wire.js';

/** What a part of an answer is to callers of other APIs. `none` is there for the model alone, or for nobody. */
export type PartKind = 'text' | 'thought' | 'call' | 'other' | 'none';

/** Fields of a part that are no content. */
const ABOUT_PART = new Set(['text', 'thought', 'thoughtSignature', 'partMetadata']);

/** The kind of a part. */
export function kindOf(part: Part): PartKind {
  if (typeof part.text === 'string' && part.text !== '') return part.thought === true ? 'thought' : 'text';
  if (part.functionCall !== undefined) return 'call';
  for (const field in part) if (!ABOUT_PART.has(field)) return 'other';
  return 'none';
}
