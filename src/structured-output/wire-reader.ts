import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { SchemaDialect } from './bounded-schema.js';
import type { Relaxation } from './compiled-schema.js';
import { pointerParts, pointerTo } from './json-pointer.js';
import { SchemaReferences, type Referred } from './schema-references.js';
import * as keywords from './wire-keywords.js';
import { mergedShapes, unionOf } from './wire-merge.js';
import {
  ROOT,
  saysSomething,
  shapeOf,
  type WireDocument,
  type WireShape,
  type WireType,
} from './wire-shape.js';

/** More shapes than these are not written out where references are followed: they can grow without bound. */
const MAX_WRITTEN_OUT = 1_500;
/** References followed within references. */
const MAX_FOLLOWED = 8;

/** Where a schema stands. */
interface Place {
  readonly path: string;
  /** Path of the root or of the definition that it is part of. */
  readonly owner: string;
  /** Whether references have to be written out, since more is said beside them. */
  readonly follow?: boolean;
}

/** Reduces a schema within `SCHEMA_LIMITS` to what Gemini can be told, and takes down the rest. */
export class WireReader {
  readonly #references: SchemaReferences;
  readonly #relaxed: Relaxation[] = [];
  readonly #names = new Map<string, string>([['', ROOT]]);
  readonly #waiting: Referred[] = [];
  #writtenOut = 0;
  #followed = 0;

  constructor(
    private readonly source: JsonObject,
    private readonly dialect: SchemaDialect,
  ) {
    this.#references = new SchemaReferences(source);
  }

  read(): WireDocument {
    const root = this.#read(this.source, { path: '', owner: '' });
    const definitions = new Map([[ROOT, root]]);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      definitions.set(this.#nameOf(next), this.#read(next.schema, { path: next.path, owner: next.path }));
    return { root, definitions, relaxed: this.#relaxed };
  }

  readonly #relax = (relaxation: Relaxation): void => void this.#relaxed.push(relaxation);

  #read(schema: JsonValue, place: Place): WireShape {
    const { path } = place;
    if (this.#followed > 0) this.#writtenOut += 1;
    if (this.#writtenOut > MAX_WRITTEN_OUT && this.#followed > 0) {
      if (this.#writtenOut === MAX_WRITTEN_OUT + 1)
        this.#relax({
          path,
          keyword: '$ref',
          why: `it is written out to more than ${MAX_WRITTEN_OUT} schemas`,
        });
      return { path };
    }
    if (schema === false)
      this.#relax({ path, keyword: 'false', why: 'Gemini is told of nothing that no value fits' });
    if (!isJsonObject(schema)) return { path };
    return schema['$ref'] === undefined ? this.#readPlain(schema, place) : this.#readReference(schema, place);
  }

  #readReference(schema: JsonObject, place: Place): WireShape {
    const { path, owner } = place;
    const target = this.#references.find(schema['$ref']);
    const beside = Object.entries(schema).filter(([keyword]) => !keyword.startsWith('$'));
    // In draft 7 nothing counts that stands beside a reference.
    const others = this.dialect === 'draft7' ? {} : Object.fromEntries(beside);
    if (target === undefined) {
      const why = 'Gemini follows references within the schema, by pointer or anchor';
      this.#relax({ path: pointerTo(path, '$ref'), keyword: '$ref', why });
      return this.#readPlain(others, place);
    }
    const cyclic = this.#references.isWithinCycle(owner, target.path);
    const alone = Object.keys(others).length === 0;
    if (cyclic || (alone && place.follow !== true) || this.#followed >= MAX_FOLLOWED) {
      const reference = shapeOf({ path, ref: this.#nameOf(target), cyclic: cyclic ? true : undefined });
      return alone ? reference : this.#merge(reference, this.#readPlain(others, place), '$ref');
    }
    this.#followed += 1;
    const followed = this.#read(target.schema, { path: target.path, owner: target.path, follow: true });
    this.#followed -= 1;
    return alone ? followed : this.#merge(this.#readPlain(others, place), followed, '$ref');
  }

  #readPlain(schema: JsonObject, place: Place): WireShape {
    const { path, owner } = place;
    keywords.relaxUnknown(schema, path, this.#relax);
    let shape = this.#readTypes(schema, place);
    for (const [at, entry] of listOf(schema['allOf']).entries()) {
      const part = { path: pointerTo(pointerTo(path, 'allOf'), at), owner, follow: true };
      shape = this.#merge(shape, this.#read(entry, part), 'allOf');
    }
    for (const keyword of ['anyOf', 'oneOf'])
      if (Array.isArray(schema[keyword])) {
        const union = this.#readUnion(schema[keyword], keyword, place, saysSomething(shape));
        shape = this.#merge(shape, union, keyword);
      }
    return shape;
  }

  #readUnion(
    list: readonly JsonValue[],
    keyword: string,
    { path, owner }: Place,
    follow: boolean,
  ): WireShape {
    const at = pointerTo(path, keyword);
    const shapes = list.flatMap((entry, index) =>
      entry === false ? [] : [this.#read(entry, { path: pointerTo(at, index), owner, follow })],
    );
    const types = new Set(shapes.map(({ type }) => (type === 'integer' ? 'number' : type)));
    const apart = types.size === shapes.length && !types.has(undefined);
    if (keyword === 'oneOf' && !apart) this.#relax({ path: at, keyword, why: 'Gemini takes it for anyOf' });
    return shapes.every(saysSomething) ? unionOf(shapes, path) : { path };
  }

  #merge(one: WireShape, other: WireShape, keyword: string): WireShape {
    const merged = mergedShapes(one, other, this.#relax);
    if (merged === undefined) this.#relax({ path: other.path, keyword, why: 'its parts allow no value' });
    return merged ?? one;
  }

  #readTypes(schema: JsonObject, place: Place): WireShape {
    const { path } = place;
    const names = {
      path,
      title: textOf(schema['title']),
      description: textOf(schema['description']),
    };
    const types = keywords.typesOf(schema);
    const choice = keywords.choiceOf(schema);
    if (choice !== undefined) {
      const shapes = this.#readChoice(choice, types, schema, place);
      return shapeOf({ ...unionOf(shapes, path), ...names });
    }
    if (types !== undefined) {
      const shapes = types.map((type) => this.#readType(type, schema, place));
      return shapeOf({ ...unionOf(shapes, path), ...names });
    }
    for (const keyword of keywords.typedKeywords(schema))
      this.#relax({ path: pointerTo(path, keyword), keyword, why: 'the schema names no type' });
    return shapeOf(names);
  }

  #readChoice(
    choice: readonly JsonValue[],
    types: readonly WireType[] | undefined,
    schema: JsonObject,
    place: Place,
  ): WireShape[] {
    const groups = new Map<WireType, Set<JsonValue>>();
    const numbers = choice.some((value) => keywords.typeOfValue(value) === 'number') ? 'number' : 'integer';
    for (const value of choice) {
      const own = keywords.typeOfValue(value);
      const type = typeof value === 'number' ? numbers : own;
      const allowed =
        types === undefined || types.includes(own) || (own === 'integer' && types.includes('number'));
      if (!allowed) continue;
      const group = groups.get(type);
      if (group === undefined) groups.set(type, new Set([value]));
      else group.add(value);
    }
    return [...groups].map(([type, values]) => this.#readType(type, schema, place, [...values]));
  }

  #readType(type: WireType, schema: JsonObject, place: Place, choice?: readonly JsonValue[]): WireShape {
    const { path } = place;
    const scalar = type === 'string' || type === 'number' || type === 'integer';
    const complete = type === 'null' || (type === 'boolean' && choice?.length === 2);
    if (choice !== undefined && !scalar && !complete)
      this.#relax({
        path: pointerTo(path, schema['const'] === undefined ? 'enum' : 'const'),
        keyword: schema['const'] === undefined ? 'enum' : 'const',
        why: 'Gemini takes texts and numbers as choices',
      });
    const limits = keywords.limitsOf(schema, type, path, this.#relax);
    const own = shapeOf({
      path,
      type,
      format: keywords.formatOf(schema, type),
      enum: scalar ? choice : undefined,
      pattern: type === 'string' ? textOf(schema['pattern']) : undefined,
      limits,
    });
    if (type === 'object') return { ...own, ...this.#readObject(schema, place) };
    return type === 'array' ? this.#readArray(schema, place, own) : own;
  }

  #readObject(schema: JsonObject, { path, owner }: Place): Partial<WireShape> {
    const inner = (keyword: string, name?: string): Place => {
      const at = pointerTo(path, keyword);
      return { path: name === undefined ? at : pointerTo(at, name), owner };
    };
    const given = keywords.orderedProperties(schema).filter(([, value]) => value !== false);
    const properties = new Map(
      given.map(([name, value]) => [name, this.#read(value, inner('properties', name))] as const),
    );
    const absent = isJsonObject(schema['properties']) && Object.values(schema['properties']).includes(false);
    const { additionalProperties: others } = schema;
    const patterns = isJsonObject(schema['patternProperties']) && others !== undefined && others !== true;
    if (absent && others !== false)
      this.#relax({ path, keyword: 'properties', why: 'Gemini is told of no property that must be absent' });
    if (patterns)
      this.#relax({
        ...inner('additionalProperties'),
        keyword: 'additionalProperties',
        why: 'it depends on patterns',
      });
    const required = listOf(schema['required']).filter((name) => typeof name === 'string');
    return {
      ...(properties.size === 0 ? {} : { properties }),
      ...(required.length === 0 ? {} : { required }),
      ...(others === false && !patterns ? { additional: false } : {}),
      ...(isJsonObject(others) && !patterns
        ? { additional: this.#read(others, inner('additionalProperties')) }
        : {}),
    };
  }

  #readArray(schema: JsonObject, { path, owner }: Place, own: WireShape): WireShape {
    const listed = Array.isArray(schema['items']);
    const first = listed ? 'items' : 'prefixItems';
    const rest = listed ? 'additionalItems' : 'items';
    const prefix = listOf(schema[first]);
    const others = schema[rest];
    const ends =
      others === false
        ? { ...own.limits, maxItems: Math.min(prefix.length, own.limits?.maxItems ?? Infinity) }
        : own.limits;
    const prefixItems = prefix.map((entry, at) =>
      this.#read(entry, { path: pointerTo(pointerTo(path, first), at), owner }),
    );
    return shapeOf({
      ...own,
      limits: ends,
      prefixItems: prefix.length === 0 ? undefined : prefixItems,
      items: isJsonObject(others) ? this.#read(others, { path: pointerTo(path, rest), owner }) : undefined,
    });
  }

  /** The name under which Gemini is told of a definition. The first to ask has it read. */
  #nameOf(target: Referred): string {
    const known = this.#names.get(target.path);
    if (known !== undefined) return known;
    const base = (pointerParts(target.path)?.at(-1) ?? '').replaceAll(/[^\w.-]/g, '_') || 'definition';
    const taken = new Set(this.#names.values());
    let name = base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`;
    this.#names.set(target.path, name);
    this.#waiting.push(target);
    return name;
  }
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
