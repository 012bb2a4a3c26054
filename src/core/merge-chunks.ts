import type { Candidate, GenerateContentResponse, Part } from './gemini-wire.js';
import type { ChunkEvent } from './generation.js';
import { isJsonObject } from './json.js';

/**
 * One response from the chunks of a stream: texts of the same kind joined, other parts in their order, the last
 * of everything else. Parts with and without a thought signature are never merged. A single chunk is returned
 * as it is.
 */
export function mergeChunks(chunks: readonly ChunkEvent[]): GenerateContentResponse {
  const [first, ...rest] = chunks;
  if (first === undefined) return {};
  if (rest.length === 0) return first.value;
  let merged: GenerateContentResponse = {};
  const candidates = new Map<number, Candidate>();
  for (const { value } of chunks) {
    merged = { ...merged, ...value };
    for (const candidate of candidatesOf(value)) {
      const index = candidate.index ?? 0;
      candidates.set(index, mergeCandidates(candidates.get(index), candidate));
    }
  }
  if (candidates.size > 0) merged.candidates = [...candidates.values()];
  return merged;
}

/** The candidates of a response that are objects; upstreams have been seen to send others. */
export function candidatesOf(response: GenerateContentResponse): Candidate[] {
  const { candidates } = response;
  return Array.isArray(candidates) ? candidates.filter(isJsonObject) : [];
}

/** The parts of a candidate that are objects. */
export function partsOf(candidate: Candidate | undefined): Part[] {
  const parts = candidate?.content?.parts;
  return Array.isArray(parts) ? parts.filter(isJsonObject) : [];
}

function mergeCandidates(before: Candidate | undefined, next: Candidate): Candidate {
  if (before === undefined) return next;
  const parts = [...partsOf(before)];
  for (const part of partsOf(next)) append(parts, part);
  return { ...before, ...next, content: { ...before.content, ...next.content, parts } };
}

function append(parts: Part[], part: Part): void {
  const last = parts.at(-1);
  if (
    last !== undefined &&
    isPlainText(last) &&
    isPlainText(part) &&
    (last.thought === true) === (part.thought === true)
  ) {
    parts[parts.length - 1] = { ...last, text: `${last.text}${part.text}` };
  } else if (!isPlainText(part) || part.text !== '') {
    parts.push(part);
  }
}

function isPlainText(part: Part): boolean {
  return (
    Object.keys(part).every((field) => field === 'text' || field === 'thought') && part.text !== undefined
  );
}
