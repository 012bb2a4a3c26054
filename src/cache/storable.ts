import type { ChunkEvent, FinishEvent, Head } from '../core/generation.js';
import { candidatesOf, partsOf } from '../core/merge-chunks.js';
import { CANNED_PROJECT } from '../routing/target.js';

/** What may be stored of the answers to a call. */
export interface StoreRules {
  /** Models whose answers are those that were asked for; a stand-in's are not kept for later. */
  readonly models: ReadonlySet<string>;
  readonly toolCalls: boolean;
}

/**
 * Whether an answer may be given to others: whole, neither blocked nor cut, from a model that was asked for, true to its
 * schema, and no call of a tool unless those may be stored.
 */
export function isStorable(
  { project, model }: Head,
  chunks: readonly ChunkEvent[],
  { verdict, structured }: FinishEvent,
  { models, toolCalls }: StoreRules,
): boolean {
  if (verdict !== 'ok' || project === CANNED_PROJECT || !models.has(model) || chunks.length === 0)
    return false;
  if (structured !== undefined && (!structured.valid || structured.instead !== undefined)) return false;
  return chunks.every(({ value }) =>
    candidatesOf(value).every(
      (candidate) =>
        (candidate.finishReason === undefined || candidate.finishReason === 'STOP') &&
        (toolCalls || partsOf(candidate).every(({ functionCall }) => functionCall === undefined)),
    ),
  );
}
