import { type Judge, judged } from '../core/combinators.js';
import type { ChunkEvent, FinishEvent, Generation } from '../core/generation.js';
import { chunkBytes } from './stored-answer.js';

/** A whole answer. */
export interface Recorded {
  readonly chunks: readonly ChunkEvent[];
  readonly finish: FinishEvent;
}

/**
 * Passes an answer on and calls back with all of it when its finish passes. An answer that fails, is left, or is larger
 * than that is never heard of. `onWhole` must not throw.
 */
export function recorded(
  generation: Generation,
  maxBytes: number,
  onWhole: (answer: Recorded) => void,
): Generation {
  let chunks: ChunkEvent[] | undefined = [];
  let bytes = 0;
  const judge: Judge = {
    chunk: (chunk) => {
      if (chunks === undefined) return;
      bytes += chunkBytes(chunk);
      if (bytes > maxBytes) chunks = undefined;
      else chunks.push(chunk);
    },
    finish: (finish) => {
      if (chunks !== undefined) onWhole({ chunks, finish });
      return Promise.resolve(finish);
    },
  };
  return judged(generation, judge);
}
