import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { pointerParts, pointerTo } from './json-pointer.js';
import { subSchemasOf } from './sub-schemas.js';

/** What a reference leads to. */
export interface Referred {
  /** JSON pointer from the root. */
  readonly path: string;
  readonly schema: JsonValue;
}

/**
 * Finds what references within one schema lead to, and which of them lead back to where they stand. Takes schemas
 * within `SCHEMA_LIMITS`.
 */
export class SchemaReferences {
  readonly #anchors = new Map<string, Referred>();
  readonly #ids = new Map<string, Referred>();
  /** Whether parts of the schema have names of their own that references are relative to. */
  #nested = false;
  readonly #cycles: Cycles;

  constructor(private readonly root: JsonObject) {
    const references: JsonValue[] = [];
    this.#collect(root, '', references);
    const targets = references.flatMap((reference) => this.find(reference)?.path ?? []);
    this.#cycles = cyclesOf(new Set(['', ...targets]), (path, places) => this.#leadsTo(path, places));
  }

  /** What a reference leads to; undefined where it is relative to a part's own name, or leads nowhere. */
  find(reference: JsonValue | undefined): Referred | undefined {
    if (typeof reference !== 'string') return undefined;
    const named = this.#ids.get(reference.replace(/#$/, ''));
    if (named !== undefined && reference !== '#') return named;
    const { $id } = this.root;
    const rootId = typeof $id === 'string' ? $id.replace(/#$/, '') : '';
    const absolute = rootId !== '' && reference.startsWith(`${rootId}#`);
    const local = absolute ? reference.slice(rootId.length) : reference;
    if (!local.startsWith('#') || (this.#nested && !absolute)) return undefined;
    const fragment = decoded(local.slice(1));
    return fragment === undefined ? undefined : this.#at(fragment);
  }

  /** Whether a place, the root or what a reference leads to, holds itself by references. */
  isCyclic(path: string): boolean {
    return this.#cycles.within.has(path);
  }

  /** Whether a reference from within one such place to another can be followed for ever. */
  isWithinCycle(from: string, to: string): boolean {
    return this.isCyclic(to) && this.#cycles.number.get(from) === this.#cycles.number.get(to);
  }

  #at(fragment: string): Referred | undefined {
    if (fragment !== '' && !fragment.startsWith('/')) return this.#anchors.get(fragment);
    let schema: JsonValue | undefined = this.root;
    let path = '';
    for (const part of pointerParts(fragment) ?? []) {
      const held: JsonValue | undefined = schema;
      if (typeof held !== 'object' || held === null || !Object.hasOwn(held, part)) return undefined;
      schema = (held as JsonObject)[part];
      path = pointerTo(path, part);
    }
    return typeof schema === 'boolean' || isJsonObject(schema) ? { path, schema } : undefined;
  }

  /** Which of some places a place leads to: by references within it, or because they lie within it. */
  #leadsTo(path: string, places: ReadonlySet<string>): Set<string> {
    const found = new Set<string>();
    const start = this.#at(path);
    const open: Referred[] = start === undefined ? [] : [start];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!isJsonObject(next.schema)) continue;
      if (next.path !== path && places.has(next.path)) found.add(next.path);
      const target = this.find(next.schema['$ref']);
      if (target !== undefined) found.add(target.path);
      // Definitions say nothing unless something refers to them.
      for (const inner of subSchemasOf(next.schema, next.path))
        if (inner.keyword !== '$defs' && inner.keyword !== 'definitions') open.push(inner);
    }
    return found;
  }

  #collect(schema: JsonObject, path: string, references: JsonValue[]): void {
    const { $id, $anchor, $dynamicAnchor, $ref } = schema;
    if ($ref !== undefined) references.push($ref);
    if (typeof $id === 'string' && path !== '') {
      this.#nested = true;
      this.#ids.set($id, { path, schema });
    }
    for (const anchor of [$anchor, $dynamicAnchor])
      if (typeof anchor === 'string') this.#anchors.set(anchor, { path, schema });
    for (const { schema: inner, path: at } of subSchemasOf(schema, path))
      if (isJsonObject(inner)) this.#collect(inner, at, references);
  }
}

interface Cycles {
  /** Places that lead to each other have one number. */
  readonly number: ReadonlyMap<string, number>;
  /** Places that lead to themselves. */
  readonly within: ReadonlySet<string>;
}

/** Strongly connected components, by Tarjan's algorithm (SIAM J. Comput. 1, 1972). */
function cyclesOf(
  places: ReadonlySet<string>,
  leadsTo: (place: string, places: ReadonlySet<string>) => ReadonlySet<string>,
): Cycles {
  const number = new Map<string, number>();
  const within = new Set<string>();
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (place: string): void => {
    order.set(place, order.size);
    low.set(place, order.size - 1);
    stack.push(place);
    for (const next of leadsTo(place, places)) {
      if (next === place) within.add(place);
      if (!order.has(next)) visit(next);
      if (!number.has(next)) low.set(place, Math.min(low.get(place) as number, low.get(next) as number));
    }
    if (low.get(place) !== order.get(place)) return;
    const component = stack.splice(stack.indexOf(place));
    for (const member of component) {
      number.set(member, order.get(place) as number);
      if (component.length > 1) within.add(member);
    }
  };
  for (const place of places) if (!order.has(place)) visit(place);
  return { number, within };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A per cent sign that stands for itself has no place in a pointer.
    return undefined;
  }
}
