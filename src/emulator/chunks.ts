import type { Candidate, GenerateContentResponse, Part, UsageMetadata } from '../core/gemini-wire.js';

/**
 * A whole answer as the stream that Google would make of it: thoughts first, text in about `pieces` deltas,
 * other parts whole, the signature of a text on an empty part at the end; the finish reason on the last event
 * only, and cumulative counts on each.
 */
export function chunksOf(response: GenerateContentResponse, pieces: number): GenerateContentResponse[] {
  const { candidates = [], usageMetadata, modelVersion, responseId, ...rest } = response;
  const sequences = candidates.map((candidate) => sequenceOf(candidate, pieces));
  const length = Math.max(1, ...sequences.map((sequence) => sequence.length));
  const chunks: GenerateContentResponse[] = [];
  for (let index = 0; index < length; index++) {
    const last = index === length - 1;
    const pending = sequences.flatMap((sequence) => sequence.slice(index, index + 1));
    const chunk: GenerateContentResponse = last ? { ...rest } : {};
    if (pending.length > 0) chunk.candidates = pending;
    if (usageMetadata !== undefined)
      chunk.usageMetadata = last ? usageMetadata : partial(usageMetadata, (index + 1) / length);
    if (modelVersion !== undefined) chunk.modelVersion = modelVersion;
    if (responseId !== undefined) chunk.responseId = responseId;
    chunks.push(chunk);
  }
  return chunks;
}

function sequenceOf(candidate: Candidate, pieces: number): Candidate[] {
  const { content, index = 0, ...ending } = candidate;
  const groups = (content?.parts ?? []).flatMap((part) => deltasOf(part, pieces));
  if (groups.length === 0) return [candidate];
  const role = content?.role ?? 'model';
  return groups.map((part, position) => ({
    content: { parts: [part], role },
    index,
    ...(position === groups.length - 1 ? ending : {}),
  }));
}

function deltasOf(part: Part, pieces: number): Part[] {
  if (part.text === undefined || part.thought === true) return [part];
  const deltas = slices(part.text, pieces).map((text): Part => ({ text }));
  if (part.thoughtSignature === undefined) return deltas;
  return [...deltas, { text: '', thoughtSignature: part.thoughtSignature }];
}

/** About equal slices that cut no surrogate pair in two. */
function slices(text: string, pieces: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / pieces));
  const made: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = start + size;
    const unit = text.charCodeAt(end - 1);
    if (unit >= 0xd800 && unit <= 0xdbff) end++;
    made.push(text.slice(start, end));
    start = end;
  }
  return made.length === 0 ? [''] : made;
}

/** The counts when that share of the answer is out. */
function partial(usage: UsageMetadata, share: number): UsageMetadata {
  const { candidatesTokenCount = 0, candidatesTokensDetails: _details, totalTokenCount = 0, ...rest } = usage;
  const sofar = Math.floor(candidatesTokenCount * share);
  return {
    ...rest,
    ...(sofar > 0 ? { candidatesTokenCount: sofar } : {}),
    totalTokenCount: totalTokenCount - candidatesTokenCount + sofar,
  };
}
