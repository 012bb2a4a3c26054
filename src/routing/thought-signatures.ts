import type { Content, Part } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/**
 * What stands in for a signature that the model asked did not make: Google's documented value for history of another
 * origin, taken by every model that checks signatures (ai.google.dev/gemini-api/docs/thought-signatures, 2026-11).
 */
export const BYPASS_SIGNATURE = 'skip_thought_signature_validator';

const BYPASSES = [BYPASS_SIGNATURE, 'context_engineering_is_the_way_to_go'];
// The field is bytes: clients that build it from bytes send base64.
const BYPASS_FORMS: ReadonlySet<unknown> = new Set([
  ...BYPASSES,
  ...BYPASSES.map((value) => Buffer.from(value).toString('base64')),
]);

const NONE: readonly string[] = Object.freeze([]);

/**
 * The thought signatures that a request returns to the model, oldest first. Values that stand in for one are none:
 * nobody made them. Costs one look at each of the model's parts where there are none.
 */
export function signaturesOf(request: Readonly<JsonObject>): readonly string[] {
  const { contents } = request;
  if (!Array.isArray(contents)) return NONE;
  let found: string[] | undefined;
  for (const content of contents) {
    if (!isOfModel(content)) continue;
    for (const part of partsOf(content)) {
      const signature = isJsonObject(part) ? part['thoughtSignature'] : undefined;
      if (isForeign(signature)) (found ??= []).push(signature);
    }
  }
  return found ?? NONE;
}

/**
 * The request for a model that did not make its signatures. Function calls that carry one, and the first call of each
 * of the model's contents in the current turn, carry `BYPASS_SIGNATURE`; other parts lose theirs, but for those of
 * contents in which the model gave media, whose absence models that make images have refused. Parts keep number and
 * order; what does not change is shared, down to the request itself.
 */
export function withBypassSignatures(request: Readonly<JsonObject>): Readonly<JsonObject> {
  const { contents } = request;
  if (!Array.isArray(contents)) return request;
  const start = turnStart(contents);
  const replaced = mapShared(contents, (content, index) =>
    isOfModel(content) ? bypassedContent(content, index >= start) : content,
  );
  return replaced === contents ? request : { ...request, contents: replaced };
}

/**
 * The models that take each other's signatures, in one word: name and major generation (`gemini-3` for
 * `gemini-3.8-flash`), or the model itself where its name tells no generation.
 */
export function familyOf(model: string): string {
  const name = model.slice(model.lastIndexOf('/') + 1);
  return /^[a-z]+-\d+/.exec(name)?.[0] ?? name;
}

function bypassedContent(content: Content, current: boolean): Content {
  const parts = partsOf(content);
  const hasMedia = parts.some((part) => isJsonObject(part) && part['inlineData'] !== undefined);
  let stepOpen = false;
  const replaced = mapShared(parts, (part) => {
    if (!isJsonObject(part)) return part;
    const isCall = part['functionCall'] !== undefined;
    const required = isCall && current && !stepOpen;
    stepOpen ||= isCall;
    return bypassedPart(part, required, isCall || hasMedia);
  });
  return replaced === parts ? content : { ...content, parts: replaced as Part[] };
}

function bypassedPart(part: Part, required: boolean, replaces: boolean): Part {
  const signature: JsonValue | undefined = part.thoughtSignature;
  if (BYPASS_FORMS.has(signature)) return part;
  if (required || (replaces && isForeign(signature))) return { ...part, thoughtSignature: BYPASS_SIGNATURE };
  if (signature === undefined) return part;
  const { thoughtSignature: _, ...rest } = part;
  return rest;
}

function isForeign(signature: JsonValue | undefined): signature is string {
  return typeof signature === 'string' && signature !== '' && !BYPASS_FORMS.has(signature);
}

function isOfModel(content: JsonValue): content is Content {
  return isJsonObject(content) && content['role'] === 'model';
}

function partsOf(content: JsonObject): JsonValue[] {
  const { parts } = content;
  return Array.isArray(parts) ? parts : [];
}

/** Index of the last content in which the user does more than answer function calls; 0 where there is none. */
function turnStart(contents: readonly JsonValue[]): number {
  return Math.max(
    0,
    contents.findLastIndex(
      (content) =>
        isJsonObject(content) &&
        content['role'] !== 'model' &&
        content['role'] !== 'function' &&
        partsOf(content).some((part) => isJsonObject(part) && part['functionResponse'] === undefined),
    ),
  );
}

/** `list.map(change)`, and the very same list where that changes nothing. */
function mapShared(list: JsonValue[], change: (item: JsonValue, index: number) => JsonValue): JsonValue[] {
  const changed = list.map(change);
  return changed.every((item, index) => item === list[index]) ? list : changed;
}
