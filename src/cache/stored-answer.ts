import type { ChunkEvent, FinishEvent, Generation, Head } from '../core/generation.js';
import { mergeChunks } from '../core/merge-chunks.js';

/** What an answer can be invalidated by. */
export interface AnswerLabels {
  readonly tenant: string;
  readonly task?: string;
  readonly prompt?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** An answer that ran to its end, with what decides to whom and how long it is given. */
export interface StoredAnswer {
  /** Names this very answer. */
  readonly tag: string;
  /** Wall time at which it was whole. */
  readonly storedAtMs: number;
  /** How long it is fresh, and how long after that it is given while it is renewed, or where nobody answers. */
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** Where the log of invalidations stood before the answer was asked for. */
  readonly epoch: string;
  readonly number: number;
  readonly labels: AnswerLabels;
  readonly target: Pick<Head, 'project' | 'model' | 'fallback'>;
  /** As they came. */
  readonly chunks: readonly ChunkEvent[];
  readonly finish: FinishEvent;
}

/** How much older than its time an answer may be. */
export type Freshness = 'fresh' | 'revalidate' | 'if-error' | 'gone';

/** What an answer is good for at a moment. */
export function freshnessOf(answer: StoredAnswer, nowMs: number): Freshness {
  const overMs = ageOf(answer, nowMs) - answer.ttlMs;
  if (overMs < 0) return 'fresh';
  if (overMs < answer.staleWhileRevalidateMs) return 'revalidate';
  return overMs < answer.staleIfErrorMs ? 'if-error' : 'gone';
}

/** How long ago it was made; clocks of replicas differ, and no age is below 0. */
export function ageOf({ storedAtMs }: StoredAnswer, nowMs: number): number {
  return Math.max(0, nowMs - storedAtMs);
}

/** For how long from a moment on it may still be given to somebody. */
export function keptMs(answer: StoredAnswer, nowMs: number): number {
  const staleMs = Math.max(answer.staleWhileRevalidateMs, answer.staleIfErrorMs);
  return answer.ttlMs + staleMs - ageOf(answer, nowMs);
}

/** The objects of an answer that has no text take some three times what their text would. */
const BYTES_PER_CHARACTER = 4;
const BYTES_PER_CHUNK = 512;

/** About how much memory an answer takes. */
export function bytesOf({ chunks }: StoredAnswer): number {
  return chunks.reduce((sum, chunk) => sum + chunkBytes(chunk), BYTES_PER_CHUNK);
}

/** About how much memory a chunk takes. */
export function chunkBytes({ text, value }: ChunkEvent): number {
  return BYTES_PER_CHUNK + BYTES_PER_CHARACTER * (text ?? JSON.stringify(value)).length;
}

const unaryChunks = new WeakMap<StoredAnswer, readonly ChunkEvent[]>();

/** The chunks as a call of that kind gets them: those of a stream as they came, one for a unary call. */
function chunksFor(answer: StoredAnswer, stream: boolean): readonly ChunkEvent[] {
  if (stream || answer.chunks.length <= 1) return answer.chunks;
  const present = unaryChunks.get(answer);
  if (present !== undefined) return present;
  const value = mergeChunks(answer.chunks);
  const merged = [{ type: 'chunk', value, text: JSON.stringify(value), usage: answer.finish.usage } as const];
  unaryChunks.set(answer, merged);
  return merged;
}

/** Plays an answer as if it were made now. Its events are the stored ones themselves. */
export function replay(
  answer: StoredAnswer,
  stream: boolean,
  head: Pick<Head, 'cache' | 'cached'>,
): Generation {
  const chunks = chunksFor(answer, stream);
  let at = 0;
  const iterator: AsyncIterator<ChunkEvent | FinishEvent, void> = {
    next: () => {
      const value = chunks[at] ?? (at === chunks.length ? answer.finish : undefined);
      at += 1;
      return Promise.resolve(value === undefined ? { done: true, value: undefined } : { done: false, value });
    },
    return: () => {
      at = Infinity;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    head: { ...answer.target, attempts: 0, ...head },
    events: { [Symbol.asyncIterator]: () => iterator },
  };
}
