import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { JsonKind } from './scan-listener.js';
import { type Choice, choiceOf } from './schema-choice.js';

/**
 * What a schema says about a value that can be decided while the value is still being read. Never more than the
 * schema says: what is not understood is left out.
 */
export interface Shape {
  /** No value fits. */
  readonly never: boolean;
  /** Kinds that fit; undefined for all. */
  readonly kinds: ReadonlySet<JsonKind> | undefined;
  /** Numbers must be whole. */
  readonly whole: boolean;
  /** Values that fit; undefined for all. */
  readonly choice: Choice | undefined;
  /** Characters. */
  readonly maxLength: number;
  readonly maxItems: number;
  /** Names of members that must be there. */
  readonly required: readonly string[];
  /** What the value of a member must be; undefined where no such member may be. */
  member(name: string): Shape | undefined;
  item(index: number): Shape;
}

/** Schemas that hold for one value at the same time; what is beyond is left out. */
const MAX_TOGETHER = 32;

const KINDS: Readonly<Record<string, readonly JsonKind[]>> = {
  object: ['object'],
  array: ['array'],
  string: ['string'],
  number: ['number'],
  integer: ['number'],
  boolean: ['boolean'],
  null: ['null'],
};

/** The shapes of one schema, made when they are first needed; as many as the schema has places. */
export class SchemaShapes {
  readonly root: Shape;
  readonly #shapes = new Map<string, Shape>();
  readonly #numbers = new Map<JsonObject, number>();
  /** A schema with an `$id` inside may mean another document by `#`. */
  readonly #resolves: boolean;

  constructor(private readonly schema: JsonObject) {
    this.#resolves = !hasInnerId(schema);
    this.root = this.of([schema]);
  }

  /** The shape of what must fit all of some schemas. */
  of(schemas: readonly JsonValue[]): Shape {
    if (schemas.includes(false)) return NEVER;
    const together = new Set<JsonObject>();
    for (const schema of schemas) this.#gather(schema, together);
    if (together.size === 0) return ANY;
    const key = [...together].map((schema) => this.#numberOf(schema)).join(' ');
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      shape = new SchemaShape([...together], this);
      this.#shapes.set(key, shape);
    }
    return shape;
  }

  /** A schema with all that hold wherever it does: those of `allOf`, and the one that it refers to. */
  #gather(schema: JsonValue | undefined, together: Set<JsonObject>): void {
    if (!isJsonObject(schema) || together.has(schema) || together.size === MAX_TOGETHER) return;
    const { $ref, allOf } = schema;
    // Before 2019-09 what stands beside a reference says nothing.
    if (typeof $ref === 'string') return this.#gather(this.#resolve($ref), together);
    together.add(schema);
    if (Array.isArray(allOf)) for (const part of allOf) this.#gather(part, together);
  }

  #resolve(reference: string): JsonValue | undefined {
    if (!this.#resolves) return undefined;
    if (reference === '#') return this.schema;
    if (!reference.startsWith('#/')) return undefined;
    let found: JsonValue | undefined = this.schema;
    for (const step of reference.slice(2).split('/')) {
      const name = unescaped(step);
      if (name === undefined) return undefined;
      if (Array.isArray(found)) found = found[Number(name)];
      else found = isJsonObject(found) && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    return found;
  }

  #numberOf(schema: JsonObject): number {
    let number = this.#numbers.get(schema);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(schema, number);
    }
    return number;
  }
}

class SchemaShape implements Shape {
  readonly never = false;
  readonly kinds: ReadonlySet<JsonKind> | undefined;
  readonly whole: boolean;
  readonly choice: Choice | undefined;
  readonly maxLength: number;
  readonly maxItems: number;
  readonly required: readonly string[];
  readonly #members = new Map<string, Shape | undefined>();
  readonly #items = new Map<number, Shape>();
  readonly #prefix: number;

  constructor(
    private readonly schemas: readonly JsonObject[],
    private readonly shapes: SchemaShapes,
  ) {
    const [first, ...others] = schemas.map(kindsOf).filter((kinds) => kinds !== undefined);
    this.kinds = first && new Set([...first].filter((kind) => others.every((one) => one.has(kind))));
    this.whole = schemas.some(({ type }) => isWhole(type));
    const choices = schemas.find((schema) => Array.isArray(schema['enum']) || Object.hasOwn(schema, 'const'));
    this.choice = choices && choiceOf(choices);
    this.maxLength = least(schemas, 'maxLength');
    this.maxItems = least(schemas, 'maxItems');
    this.required = [...new Set(schemas.flatMap(({ required }) => textsOf(required)))];
    this.#prefix = Math.max(
      0,
      ...schemas.map(({ prefixItems }) => (Array.isArray(prefixItems) ? prefixItems.length : 0)),
    );
  }

  member(name: string): Shape | undefined {
    if (this.#members.has(name)) return this.#members.get(name);
    const found: JsonValue[] = [];
    let known = false;
    let open = true;
    for (const schema of this.schemas) {
      const { properties, patternProperties, additionalProperties } = schema;
      if (isJsonObject(properties) && Object.hasOwn(properties, name)) {
        known = true;
        const own = properties[name];
        if (own !== undefined) found.push(own);
      } else if (patternProperties === undefined && additionalProperties !== undefined) {
        if (additionalProperties === false) open = false;
        else found.push(additionalProperties);
      }
    }
    const shape = open ? this.shapes.of(found) : undefined;
    // Names that no schema knows come from the answer: there is no end of them.
    if (known) this.#members.set(name, shape);
    return shape;
  }

  item(index: number): Shape {
    const place = index < this.#prefix ? index : -1;
    let shape = this.#items.get(place);
    if (shape === undefined) {
      // Which of the first items `items` holds for is not the same in every draft.
      const found =
        place === -1 ? this.schemas.flatMap(({ items }) => (items === undefined ? [] : [items])) : [];
      const lists = this.schemas.some(({ items }) => Array.isArray(items));
      shape = lists ? ANY : this.shapes.of(found);
      this.#items.set(place, shape);
    }
    return shape;
  }
}

const shapeOf = (never: boolean): Shape => ({
  never,
  kinds: undefined,
  whole: false,
  choice: undefined,
  maxLength: Infinity,
  maxItems: Infinity,
  required: [],
  member: () => ANY,
  item: () => ANY,
});

/** Everything fits. */
export const ANY: Shape = shapeOf(false);
const NEVER: Shape = shapeOf(true);

function kindsOf({ type, nullable }: JsonObject): ReadonlySet<JsonKind> | undefined {
  const names = typeof type === 'string' ? [type] : textsOf(type);
  if (names.length === 0) return undefined;
  const kinds = new Set<JsonKind>(nullable === true ? ['null'] : []);
  for (const name of names) {
    const known = KINDS[name.toLowerCase()];
    if (known === undefined) return undefined;
    for (const kind of known) kinds.add(kind);
  }
  return kinds;
}

/** Kinds other than numbers are judged by themselves. */
const WHOLE = /^(?!number$)/i;

function isWhole(type: JsonValue | undefined): boolean {
  const names = typeof type === 'string' ? [type] : textsOf(type);
  return names.length > 0 && names.every((name) => WHOLE.test(name));
}

function least(schemas: readonly JsonObject[], keyword: string): number {
  return Math.min(
    ...schemas.map((schema) => {
      const limit = schema[keyword];
      return typeof limit === 'number' && limit >= 0 ? limit : Infinity;
    }),
  );
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function unescaped(step: string): string | undefined {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch (thrown) {
    if (thrown instanceof URIError) return undefined;
    throw thrown;
  }
}

function hasInnerId(schema: JsonObject): boolean {
  const waiting: JsonValue[] = Object.values(schema).filter((value) => value !== undefined);
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (Array.isArray(value)) waiting.push(...value);
    else if (isJsonObject(value)) {
      if (typeof value['$id'] === 'string') return true;
      for (const inner of Object.values(value)) if (inner !== undefined) waiting.push(inner);
    }
  }
  return false;
}
