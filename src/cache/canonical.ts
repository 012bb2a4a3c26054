import type { JsonValue } from '../core/json.js';

/**
 * One text for all spellings of a JSON value: equal for values that differ in the order of fields and in white space
 * alone, different for all others. Fields that are undefined count as absent.
 */
export function canonical(value: JsonValue | undefined): string {
  if (typeof value === 'string') return textOf(value);
  if (typeof value === 'number') return `n${value};`;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value === null || value === undefined) return 'z';
  if (Array.isArray(value)) {
    let text = `[${value.length};`;
    for (const item of value) text += canonical(item);
    return text;
  }
  let text = '{';
  for (const name of Object.keys(value).toSorted()) {
    const field = value[name];
    if (field !== undefined) text += textOf(name) + canonical(field);
  }
  return `${text}}`;
}

/** Lengths in front make escapes needless: megabytes of base64 are not gone through. */
function textOf(text: string): string {
  // Halves of surrogate pairs would all be hashed as the same replacement character.
  return text.isWellFormed() ? `s${text.length};${text}` : `x${JSON.stringify(text)}`;
}
