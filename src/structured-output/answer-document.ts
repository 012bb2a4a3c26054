import type { Content } from '../core/gemini-wire.js';
import type { Collected } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { ChunkEvent, Verdict } from '../core/generation.js';
import type { JsonValue } from '../core/json.js';
import { candidatesOf, mergeChunks, partsOf } from '../core/merge-chunks.js';
import type { CompiledSchema, SchemaError, SchemaVerdict } from './compiled-schema.js';
import { repairedJson } from './json-repair.js';

/** Longest text that is read as a document, in characters. */
export const MAX_TEXT_LENGTH = 4_000_000;

/** A text held against a schema. */
export type JudgedText =
  | { readonly valid: true; readonly value: JsonValue; readonly repaired: boolean }
  | { readonly valid: false; readonly value?: JsonValue; readonly errors: readonly SchemaError[] };

/**
 * Reads a text as a document of the schema, repaired where it is no JSON. One that takes too long to be checked is not
 * valid. Rejects otherwise as `CompiledSchema.validate` does.
 */
export async function judgedText(text: string, schema: CompiledSchema): Promise<JudgedText> {
  if (text.length > MAX_TEXT_LENGTH) {
    const message = `is longer than ${MAX_TEXT_LENGTH} characters`;
    return { valid: false, errors: [{ path: '', message, keyword: 'size' }] };
  }
  const given = parsed(text);
  if (given === undefined) return judgedRepair(text, schema);
  const verdict = await verdictOf(given, schema);
  return verdict.valid
    ? { valid: true, value: given, repaired: false }
    : { valid: false, value: given, errors: verdict.errors };
}

async function judgedRepair(text: string, schema: CompiledSchema): Promise<JudgedText> {
  const repair = await repairedJson(text);
  if ('fault' in repair) return { valid: false, errors: [{ path: '', ...repair.fault }] };
  const { document } = repair;
  const verdict = await verdictOf(document, schema);
  if (verdict.valid) return { valid: true, value: document, repaired: true };
  // Even mended it would not fit: that it is no JSON comes first.
  const fault = {
    path: '',
    message: 'is no JSON, and does not follow the schema when it is mended',
    keyword: 'syntax',
  };
  return { valid: false, errors: [fault, ...verdict.errors] };
}

async function verdictOf(value: JsonValue, schema: CompiledSchema): Promise<SchemaVerdict> {
  try {
    return await schema.validate(value);
  } catch (thrown) {
    const error = GatewayError.from(thrown);
    if (error.reason !== 'SCHEMA_MISMATCH') throw error;
    return {
      valid: false,
      errors: [{ path: '', message: 'takes longer to check than it may', keyword: 'size' }],
    };
  }
}

/** An alternative answer that is a text: no tool is called in it, and something is said. */
export interface TextAnswer {
  /** Its place among the candidates. */
  readonly place: number;
  readonly text: string;
  readonly content: Content;
}

/** The alternatives of a whole answer that are texts; none of one that was blocked, is empty or malformed. */
export function textAnswers({ chunks, finish }: Collected): readonly TextAnswer[] {
  return candidatesOf(mergeChunks(chunks)).flatMap((candidate, place) => {
    const parts = partsOf(candidate);
    if (parts.some(({ functionCall }) => functionCall !== undefined)) return [];
    const text = parts.map((part) => visibleText(part)).join('');
    return isText(text, finish.verdict) ? [{ place, text, content: { ...candidate.content, parts } }] : [];
  });
}

/** Whether an answer that ended so is a text. One that was cut before its first word should have been. */
export function isText(text: string, verdict: Verdict): boolean {
  return verdict === 'truncated' || (verdict === 'ok' && text !== '');
}

/** What of a part is the answer's visible text. */
export function visibleText({
  text,
  thought,
}: {
  readonly text?: unknown;
  readonly thought?: unknown;
}): string {
  return typeof text === 'string' && thought !== true ? text : '';
}

/** The whole answer in one chunk, with other texts in some of its places; signatures and thoughts stay. */
export function withTexts(
  { chunks }: Pick<Collected, 'chunks'>,
  texts: ReadonlyMap<number, string>,
): ChunkEvent {
  const merged = mergeChunks(chunks);
  const usage = chunks.findLast((chunk) => chunk.usage !== undefined)?.usage;
  const candidates = candidatesOf(merged).map((candidate, place) => {
    let text = texts.get(place);
    if (text === undefined) return candidate;
    const parts = partsOf(candidate).flatMap((part) => {
      if (visibleText(part) === '') return [part];
      // The first part gets all of it; further ones stay only for what else is in them.
      const own = text ?? '';
      text = undefined;
      return own === '' && Object.keys(part).length === 1 ? [] : [{ ...part, text: own }];
    });
    return { ...candidate, content: { ...candidate.content, parts } };
  });
  return { type: 'chunk', value: { ...merged, candidates }, ...(usage === undefined ? {} : { usage }) };
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
