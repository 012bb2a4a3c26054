import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '../core/json.js';
import {
  LIMITS,
  saysSomething,
  shapeOf,
  type Limit,
  type Relax,
  type WireShape,
  type WireType,
} from './wire-shape.js';

/** Alternatives that are worked out; more of them would be too many states anyway. */
const MAX_ALTERNATIVES = 32;

/**
 * The shape of values that fit both, or one that is wider where that cannot be said, taken down with `relax`.
 * Undefined where no value fits both. Titles and descriptions are the first one's.
 */
export function mergedShapes(one: WireShape, other: WireShape, relax: Relax): WireShape | undefined {
  if (one.ref !== undefined || other.ref !== undefined) return withReference(one, other, relax);
  if (one.anyOf !== undefined) return distributed(one, other, relax);
  if (other.anyOf !== undefined) return distributed(other, one, relax);
  const type = commonType(one.type, other.type);
  if (type === 'none') return undefined;
  const choice = commonChoice(one.enum, other.enum);
  if (choice?.length === 0) return undefined;
  const patterns = [one.pattern, other.pattern].filter((pattern) => pattern !== undefined);
  if (patterns.length > 1 && patterns[0] !== patterns[1])
    relax({ path: other.path, keyword: 'pattern', why: 'one place has one pattern' });
  return shapeOf({
    path: saysSomething(one) ? one.path : other.path,
    type,
    title: one.title ?? other.title,
    description: one.description ?? other.description,
    format: one.format ?? other.format,
    enum: choice,
    pattern: patterns[0],
    limits: commonLimits(one.limits, other.limits),
    ...mergedObjects(one, other, relax),
    ...mergedLists(one, other, relax),
  });
}

/** Several alternatives as one shape: those within alternatives are drawn out. */
export function unionOf(shapes: readonly WireShape[], path: string): WireShape {
  const flat = shapes.flatMap((shape) =>
    shape.anyOf !== undefined && shape.title === undefined && shape.description === undefined
      ? shape.anyOf
      : [shape],
  );
  const [first, second] = flat;
  if (first === undefined) return { path };
  return second === undefined ? first : { path, anyOf: flat };
}

function withReference(one: WireShape, other: WireShape, relax: Relax): WireShape {
  const [kept, left] = one.ref === undefined ? [other, one] : [one, other];
  if (saysSomething(left) && left.ref !== kept.ref)
    relax({ path: left.path, keyword: '$ref', why: 'nothing stands beside a reference to what holds it' });
  return kept;
}

/** Each alternative with what stands beside them all. */
function distributed(union: WireShape, beside: WireShape, relax: Relax): WireShape | undefined {
  const { title, description, ...base } = beside;
  const alternatives = union.anyOf ?? [];
  const tooMany = alternatives.length * (base.anyOf?.length ?? 1) > MAX_ALTERNATIVES;
  if (tooMany)
    relax({ path: base.path, keyword: 'anyOf', why: `it makes more than ${MAX_ALTERNATIVES} alternatives` });
  const alone = tooMany || !saysSomething(base);
  const merged = alone
    ? alternatives
    : alternatives.flatMap((alternative) => {
        const both = mergedShapes(base, alternative, relax);
        return both === undefined ? [] : [{ ...both, path: alternative.path }];
      });
  if (merged.length === 0) return undefined;
  const shape = unionOf(merged, union.path);
  if (shape.ref !== undefined) return shape;
  return shapeOf({
    ...shape,
    title: union.title ?? title ?? shape.title,
    description: union.description ?? description ?? shape.description,
  });
}

function commonType(one: WireType | undefined, other: WireType | undefined): WireType | 'none' | undefined {
  if (one === undefined || one === other) return other;
  if (other === undefined) return one;
  const numbers = [one, other].every((type) => type === 'integer' || type === 'number');
  return numbers ? 'integer' : 'none';
}

function commonChoice(
  one: readonly JsonValue[] | undefined,
  other: readonly JsonValue[] | undefined,
): readonly JsonValue[] | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.filter((value) => other.some((candidate) => isDeepStrictEqual(value, candidate)));
}

function commonLimits(one: WireShape['limits'] = {}, other: WireShape['limits'] = {}): WireShape['limits'] {
  const both: Partial<Record<Limit, number>> = { ...one, ...other };
  for (const limit of LIMITS) {
    const [a, b] = [one[limit], other[limit]];
    if (a !== undefined && b !== undefined)
      both[limit] = limit.startsWith('min') ? Math.max(a, b) : Math.min(a, b);
  }
  return Object.keys(both).length === 0 ? undefined : both;
}

type ObjectPart = { [K in 'properties' | 'required' | 'additional']: WireShape[K] | undefined };

function mergedObjects(one: WireShape, other: WireShape, relax: Relax): ObjectPart {
  const properties = new Map(one.properties);
  for (const [name, shape] of other.properties ?? []) {
    const known = properties.get(name);
    const merged = known === undefined ? shape : mergedShapes(known, shape, relax);
    if (merged === undefined) relax({ path: shape.path, keyword: 'allOf', why: 'its parts allow no value' });
    else properties.set(name, merged);
  }
  const required = [...new Set([...(one.required ?? []), ...(other.required ?? [])])];
  return {
    properties: properties.size === 0 ? undefined : properties,
    required: required.length === 0 ? undefined : required,
    additional: commonAdditional(one, other, properties, relax),
  };
}

/** Each part speaks of the properties that it does not know itself: together they can be said only if those are none. */
function commonAdditional(
  one: WireShape,
  other: WireShape,
  properties: ReadonlyMap<string, WireShape>,
  relax: Relax,
): WireShape | false | undefined {
  const said = [one, other].filter(({ additional }) => additional !== undefined);
  const partial = said.find((shape) => [...properties.keys()].some((name) => !shape.properties?.has(name)));
  if (partial !== undefined) {
    const why = 'its parts describe different properties';
    relax({ path: `${partial.path}/additionalProperties`, keyword: 'additionalProperties', why });
    return undefined;
  }
  const [first, second] = said.map(({ additional }) => additional as WireShape | false);
  if (first === undefined || second === undefined) return first;
  return first === false || second === false ? false : (mergedShapes(first, second, relax) ?? false);
}

type ListPart = { [K in 'items' | 'prefixItems']: WireShape[K] | undefined };

function mergedLists(one: WireShape, other: WireShape, relax: Relax): ListPart {
  if (other.items === undefined && other.prefixItems === undefined)
    return { items: one.items, prefixItems: one.prefixItems };
  if (one.items === undefined && one.prefixItems === undefined)
    return { items: other.items, prefixItems: other.prefixItems };
  const items =
    one.items === undefined || other.items === undefined
      ? undefined
      : mergedShapes(one.items, other.items, relax);
  if (items !== undefined && one.prefixItems === undefined && other.prefixItems === undefined)
    return { items, prefixItems: undefined };
  relax({ path: other.path, keyword: 'items', why: 'one place describes its entries once' });
  return { items: one.items, prefixItems: one.prefixItems };
}
