import type { JsonObject, JsonValue } from '../core/json.js';
import { unionOf } from './wire-merge.js';
import { describedNames, LIMITS, type Relax, type WireDocument, type WireShape } from './wire-shape.js';

/** More schemas than these are not written out. */
const MAX_SCHEMAS = 5_000;

/** A document as `responseSchema` takes it: references written out, `null` said by `nullable`. */
export function openApiForm(document: WireDocument, relax: Relax): JsonObject {
  return new OpenApiForm(document, relax).print(document.root);
}

class OpenApiForm {
  #schemas = 0;
  /** Definitions that are being written out. */
  readonly #open = new Set<string>();

  constructor(
    private readonly document: WireDocument,
    private readonly relax: Relax,
  ) {}

  print(shape: WireShape): JsonObject {
    this.#schemas += 1;
    if (this.#schemas > MAX_SCHEMAS) {
      if (this.#schemas === MAX_SCHEMAS + 1)
        this.#lacks(shape, '$ref', `it is written out to more than ${MAX_SCHEMAS} schemas`);
      return {};
    }
    if (shape.ref !== undefined) return this.#writtenOut(shape, shape.ref);
    const { title, description } = shape;
    const names = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    };
    if (shape.anyOf !== undefined) return { ...names, ...this.#alternatives(shape.anyOf) };
    const { type, format, pattern } = shape;
    return {
      ...(type === undefined ? {} : { type: type.toUpperCase() }),
      ...(format === undefined ? {} : { format }),
      ...names,
      ...this.#choice(shape),
      ...(pattern === undefined ? {} : { pattern }),
      ...this.#limits(shape),
      ...this.#object(shape),
      ...this.#items(shape),
    };
  }

  #writtenOut(shape: WireShape, name: string): JsonObject {
    const target = this.document.definitions.get(name);
    if (target === undefined) return {};
    if (this.#open.has(name) || (name === '' && shape.cyclic === true)) {
      this.#lacks(shape, '$ref', 'responseSchema has no references, and a cycle cannot be written out');
      return target.type === undefined ? {} : { type: target.type.toUpperCase() };
    }
    this.#open.add(name);
    const printed = this.print(target);
    this.#open.delete(name);
    return printed;
  }

  #alternatives(shapes: readonly WireShape[]): JsonObject {
    const others = shapes.filter(({ type }) => type !== 'null');
    const nullable = others.length < shapes.length ? { nullable: true } : {};
    const [only, second] = others;
    if (only === undefined) return { type: 'NULL' };
    if (second === undefined) return { ...this.print(only), ...nullable };
    return { anyOf: others.map((shape) => this.print(shape)), ...nullable };
  }

  #choice(shape: WireShape): JsonObject {
    if (shape.enum === undefined) return {};
    if (shape.type === 'string') return { enum: [...shape.enum] };
    this.#lacks(shape, 'enum', 'responseSchema takes texts as choices');
    return {};
  }

  #limits({ limits }: WireShape): JsonObject {
    const printed: [string, JsonValue][] = [];
    for (const limit of LIMITS) if (limits?.[limit] !== undefined) printed.push([limit, limits[limit]]);
    return Object.fromEntries(printed);
  }

  #object(shape: WireShape): JsonObject {
    const { properties, additional } = shape;
    const required = describedNames(shape, this.relax);
    if (additional !== undefined)
      this.#lacks(shape, 'additionalProperties', 'responseSchema has no such keyword');
    if (properties === undefined) return {};
    const entries = [...properties].map(([name, property]) => [name, this.print(property)] as const);
    return {
      properties: Object.fromEntries(entries),
      ...(required.length === 0 ? {} : { required: [...required] }),
      ...(entries.length < 2 ? {} : { propertyOrdering: entries.map(([name]) => name) }),
    };
  }

  #items(shape: WireShape): JsonObject {
    const { path, items, prefixItems, limits } = shape;
    if (prefixItems === undefined) return items === undefined ? {} : { items: this.print(items) };
    this.#lacks(shape, 'prefixItems', 'responseSchema describes all entries of a list alike');
    const ends = limits?.maxItems !== undefined && limits.maxItems <= prefixItems.length;
    const all = items === undefined || ends ? prefixItems : [...prefixItems, items];
    return items === undefined && !ends ? {} : { items: this.print(unionOf(all, path)) };
  }

  #lacks({ path }: WireShape, keyword: string, why: string): void {
    this.relax({
      path: keyword === '$ref' ? path : `${path}/${keyword}`,
      keyword,
      why,
      form: 'openApiSchema',
    });
  }
}
