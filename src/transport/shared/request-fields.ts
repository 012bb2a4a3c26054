import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';

/** What the surface does with a field of a request. */
export type FieldRule =
  /** It has a counterpart. */
  | { readonly kind: 'mapped' }
  /** It has none, and may say what is the case anyway. */
  | { readonly kind: 'only'; readonly values: readonly JsonValue[]; readonly why: string }
  /** It has none. */
  | { readonly kind: 'refused'; readonly why: string };

/** The rules of all fields of one object; a field without a rule is unknown. */
export type FieldRules = ReadonlyMap<string, FieldRule>;

export const MAPPED: FieldRule = { kind: 'mapped' };

/** Only these values are taken: they ask for nothing. */
export function only(values: readonly JsonValue[], why: string): FieldRule {
  return { kind: 'only', values, why };
}

/** No value is taken. */
export function refused(why: string): FieldRule {
  return { kind: 'refused', why };
}

/** All of these fields have a counterpart. */
export function mapped(...names: readonly string[]): FieldRules {
  return new Map(names.map((name) => [name, MAPPED]));
}

/**
 * Throws INVALID_REQUEST for the first field that has no counterpart, naming it; `null` stands for absence, as it
 * does there.
 */
export function assertFields(value: JsonObject, rules: FieldRules, path = ''): void {
  for (const name in value) {
    const field = value[name];
    if (field === undefined || field === null) continue;
    const rule = rules.get(name);
    if (rule?.kind === 'mapped') continue;
    const at = joined(path, name);
    if (rule === undefined) throw refusal(at, 'is not a known field', 'unknown_parameter');
    if (rule.kind === 'refused' || !rule.values.some((value) => same(value, field))) {
      throw unsupported(at, rule.why);
    }
  }
}

/** INVALID_REQUEST for a field; `what` follows its name in a sentence. */
export function invalid(field: string, what: string): GatewayError {
  return refusal(field, what, 'invalid_value');
}

/** INVALID_REQUEST for a field, or a value of it, that cannot be had here; `why` is a clause. */
export function unsupported(field: string, why: string): GatewayError {
  return refusal(field, `is not supported: ${why}`, 'unsupported_parameter');
}

/** The value where there is one: `null` stands for absence. */
export function present(value: JsonValue | undefined): Exclude<JsonValue, null> | undefined {
  return value ?? undefined;
}

export function objectAt(value: JsonValue | undefined, path: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw invalid(path, missing(value) ? 'is missing' : 'must be an object');
}

export function listAt(value: JsonValue | undefined, path: string): JsonValue[] {
  if (Array.isArray(value)) return value;
  throw invalid(path, missing(value) ? 'is missing' : 'must be a list');
}

export function textAt(value: JsonValue | undefined, path: string): string {
  if (typeof value === 'string') return value;
  throw invalid(path, missing(value) ? 'is missing' : 'must be a text');
}

/** A text with something in it. */
export function someTextAt(value: JsonValue | undefined, path: string): string {
  const text = textAt(value, path);
  if (text === '') throw invalid(path, 'must not be empty');
  return text;
}

export function booleanAt(value: JsonValue | undefined, path: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(path, 'must be true or false');
}

export function numberAt(value: JsonValue | undefined, path: string, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw invalid(path, `must be a number from ${least} to ${most}`);
}

export function integerAt(
  value: JsonValue | undefined,
  path: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number;
  const range =
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${least} on`
      : `a whole number from ${least} to ${most}`;
  throw invalid(path, `must be ${range}`);
}

/** One of the words. */
export function wordAt<T extends string>(value: JsonValue | undefined, path: string, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw invalid(path, `must be one of ${words.join(', ')}`);
}

function refusal(field: string, what: string, code: string): GatewayError {
  return new GatewayError('INVALID_REQUEST', `"${field}" ${what}.`, { metadata: { field, code } });
}

function missing(value: JsonValue | undefined): boolean {
  return value === undefined || value === null;
}

// Names are the caller's text: as long as they like.
function joined(path: string, name: string): string {
  const short = name.slice(0, 100);
  return path === '' ? short : `${path}.${short}`;
}

/** Of the values that rules list, only flat lists and empty objects are more than words. */
function same(left: JsonValue, right: JsonValue): boolean {
  return typeof left === 'object' ? JSON.stringify(left) === JSON.stringify(right) : left === right;
}
