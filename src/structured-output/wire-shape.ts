import type { JsonValue } from '../core/json.js';
import type { Relaxation } from './compiled-schema.js';

/** A type of JSON values. */
export type WireType = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'null';

/** Bounds that a number can say. */
export const LIMITS = [
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
] as const;
export type Limit = (typeof LIMITS)[number];

/**
 * A schema reduced to what Gemini can be told: one type, or alternatives, or a reference. It is never narrower than
 * the caller's but for types that the caller's keywords imply.
 */
export interface WireShape {
  /** JSON pointer to the place in the caller's schema that it was read from. */
  readonly path: string;
  /** Name of a definition. Nothing else is set beside it. */
  readonly ref?: string;
  /** Beside `ref`: following it leads back here. */
  readonly cyclic?: true;
  /** At least two. Only title and description stand beside them. */
  readonly anyOf?: readonly WireShape[];
  /** Any type where absent. */
  readonly type?: WireType;
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  /** Texts or numbers. */
  readonly enum?: readonly JsonValue[];
  readonly pattern?: string;
  readonly limits?: Readonly<Partial<Record<Limit, number>>>;
  /** In the order in which Gemini shall write them. */
  readonly properties?: ReadonlyMap<string, WireShape>;
  /** Some may be missing from `properties`. */
  readonly required?: readonly string[];
  /** What other properties are; `false` for none. */
  readonly additional?: WireShape | false;
  readonly items?: WireShape;
  readonly prefixItems?: readonly WireShape[];
}

/** A whole schema, reduced. */
export interface WireDocument {
  readonly root: WireShape;
  /** What references name; the root's own name is the empty text. */
  readonly definitions: ReadonlyMap<string, WireShape>;
  readonly relaxed: readonly Relaxation[];
}

/** Takes down what Gemini is not told. */
export type Relax = (relaxation: Relaxation) => void;

/** A shape without its members that are undefined. */
export function shapeOf(
  members: { readonly path: string } & { readonly [K in keyof WireShape]?: WireShape[K] | undefined },
): WireShape {
  const present = Object.entries(members).filter(([, member]) => member !== undefined);
  return Object.fromEntries(present) as unknown as WireShape;
}

/** Whether a shape says anything about values. */
export function saysSomething(shape: WireShape): boolean {
  return Object.keys(shape).some(
    (member) => member !== 'path' && member !== 'title' && member !== 'description',
  );
}

/** The names that a shape requires and describes; the others are taken down. */
export function describedNames(
  { path, required = [], properties }: WireShape,
  relax: Relax,
): readonly string[] {
  const described = required.filter((name) => properties?.has(name));
  if (described.length < required.length) {
    const why = 'it names a property that is not described';
    relax({ path: `${path}/required`, keyword: 'required', why });
  }
  return described;
}

/** The name of the root among definitions. */
export const ROOT = '';
