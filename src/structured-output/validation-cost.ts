import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { JsonExtent } from './json-extent.js';
import { pointerParts } from './json-pointer.js';
import { subSchemasOf } from './sub-schemas.js';

/** What it costs at most to look at one value of a document. */
export interface ValidationCost {
  /** Schemas, names and alternatives that are compared with it, each reference followed. */
  readonly steps: number;
  /** Instructions of the patterns that run over each character of it. */
  readonly patternSteps: number;
  /** Whether entries of a list are compared with each other. */
  readonly unique: boolean;
}

/** Some 10 ms of work, were every value to meet every schema. */
const STEPS = 20_000;
const PATTERN_STEPS = 100_000;
/** A schema with more than these takes long to compile. */
const SUB_SCHEMAS = 48;

/**
 * What a schema costs, or undefined where no bound is known beforehand: it refers to itself, to names, or to what
 * is not in it, or it is large.
 */
export function validationCost(source: JsonObject): ValidationCost | undefined {
  const count: Count = { root: source, subSchemas: 0, under: new Set() };
  const cost = costOf(source, count);
  return Number.isFinite(cost.steps) ? cost : undefined;
}

/** Whether checking a document is short for certain, so that the event loop can bear it. */
export function isShort(cost: ValidationCost, { nodes, chars }: JsonExtent): boolean {
  const steps = cost.steps * nodes + (cost.unique ? nodes * nodes : 0);
  return steps <= STEPS && cost.patternSteps * chars <= PATTERN_STEPS;
}

interface Count {
  readonly root: JsonObject;
  subSchemas: number;
  /** References that are being followed. */
  readonly under: Set<string>;
}

const ENDLESS: ValidationCost = { steps: Infinity, patternSteps: 0, unique: false };
const BY_NAME = ['$id', '$anchor', '$dynamicRef', '$dynamicAnchor', '$recursiveRef', '$vocabulary'];

function costOf(schema: JsonValue, count: Count): ValidationCost {
  count.subSchemas += 1;
  if (count.subSchemas > SUB_SCHEMAS) return ENDLESS;
  if (!isJsonObject(schema)) return { steps: 1, patternSteps: 0, unique: false };
  if (BY_NAME.some((keyword) => schema[keyword] !== undefined)) return ENDLESS;
  const parts: ValidationCost[] = [ownCost(schema)];
  for (const { schema: inner, keyword } of subSchemasOf(schema, ''))
    if (keyword !== '$defs' && keyword !== 'definitions') parts.push(costOf(inner, count));
  if (schema['$ref'] !== undefined) parts.push(costOfReference(schema['$ref'], count));
  return {
    steps: parts.reduce((sum, { steps }) => sum + steps, 0),
    patternSteps: parts.reduce((sum, { patternSteps }) => sum + patternSteps, 0),
    unique: parts.some(({ unique }) => unique),
  };
}

function costOfReference(reference: JsonValue, count: Count): ValidationCost {
  const target = typeof reference === 'string' ? resolved(reference, count.root) : undefined;
  if (target === undefined || count.under.has(reference as string)) return ENDLESS;
  count.under.add(reference as string);
  const cost = costOf(target, count);
  count.under.delete(reference as string);
  return cost;
}

function resolved(reference: string, root: JsonObject): JsonValue | undefined {
  if (!/^#[\w/$.-]*$/.test(reference)) return undefined;
  let found: JsonValue | undefined = root;
  for (const part of pointerParts(reference.slice(1)) ?? [])
    found = isJsonObject(found) && Object.hasOwn(found, part) ? found[part] : undefined;
  return found;
}

function ownCost(schema: JsonObject): ValidationCost {
  const { enum: allowed, const: only, required, pattern, patternProperties, uniqueItems } = schema;
  const patterns = isJsonObject(patternProperties) ? Object.keys(patternProperties) : [];
  if (typeof pattern === 'string') patterns.push(pattern);
  return {
    steps: 1 + [allowed, only, required].reduce<number>((sum, value) => sum + valuesIn(value), 0),
    patternSteps: patterns.reduce((sum, text) => sum + patternCost(text), 0),
    unique: uniqueItems === true,
  };
}

function valuesIn(value: JsonValue | undefined): number {
  if (value === undefined) return 0;
  const inner = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return inner.reduce<number>((sum, entry) => sum + valuesIn(entry), 1);
}

/** Instructions that RE2 makes of a pattern at most: counted repetition writes its subject out. */
function patternCost(pattern: string): number {
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  return counts.reduce(
    (cost, [, from, to]) => cost * Math.max(1, Number(from), Number(to ?? 0)),
    pattern.length,
  );
}
