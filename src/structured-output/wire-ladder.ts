import type { Relaxation } from './compiled-schema.js';
import { ROOT, shapeOf, type Relax, type WireDocument, type WireShape } from './wire-shape.js';

/** What Gemini is still told on one level. */
interface Level {
  /** Choices of an enum. */
  readonly choices: number;
  /** Alternatives of a union. */
  readonly alternatives: number;
  /** Lists and objects within each other. */
  readonly depth: number;
  /** Whether references are kept, rather than written out as deep as the level goes. */
  readonly references: boolean;
}

/**
 * Bounds of lists, texts and numbers are what most often makes "too many states", so they go on every level;
 * long enums are next (Google names both, in its guide to structured output), then depth.
 */
const LADDER: readonly Level[] = [
  { choices: 64, alternatives: 16, depth: 32, references: true },
  { choices: 16, alternatives: 8, depth: 5, references: false },
  { choices: 0, alternatives: 2, depth: 3, references: false },
  { choices: 0, alternatives: 0, depth: 0, references: false },
];

/** The document with less in it; undefined beyond the last level. */
export function loweredDocument(document: WireDocument, level: number): WireDocument | undefined {
  const terms = LADDER[level - 1];
  if (terms === undefined) return undefined;
  const relaxed: Relaxation[] = [...document.relaxed];
  const lowering = new Lowering(document, terms, (relaxation) => relaxed.push(relaxation));
  const root = lowering.lower(document.root, 0);
  const definitions = new Map([[ROOT, root]]);
  if (terms.references)
    for (const [name, shape] of document.definitions)
      if (name !== ROOT) definitions.set(name, lowering.lower(shape, 0));
  return { root, definitions, relaxed };
}

class Lowering {
  readonly #open = new Set<string>();

  constructor(
    private readonly document: WireDocument,
    private readonly terms: Level,
    private readonly relax: Relax,
  ) {}

  lower(shape: WireShape, depth: number): WireShape {
    const { path, ref, type, title, description } = shape;
    if (ref !== undefined) return this.#lowerReference(shape, ref, depth);
    if (shape.anyOf !== undefined) return this.#lowerUnion(shape, shape.anyOf, depth);
    if (shape.limits !== undefined) this.#drop(path, Object.keys(shape.limits)[0] as string, 'bounds');
    if (shape.pattern !== undefined) this.#drop(path, 'pattern', 'patterns');
    const own = shapeOf({ path, type, title, description, enum: this.#lowerChoice(shape) });
    if (shape.properties === undefined && shape.items === undefined && shape.prefixItems === undefined) {
      if (shape.additional !== undefined) this.#drop(path, 'additionalProperties', 'additionalProperties');
      return own;
    }
    if (depth >= this.terms.depth) {
      this.#drop(path, type === 'array' ? 'items' : 'properties', `more than ${this.terms.depth} levels`);
      return own;
    }
    return { ...own, ...this.#lowerInner(shape, depth + 1) };
  }

  #lowerInner(shape: WireShape, depth: number): Partial<WireShape> {
    const { path, properties, required, additional, items, prefixItems } = shape;
    if (additional !== undefined && additional !== false)
      this.#drop(path, 'additionalProperties', 'additionalProperties');
    if (prefixItems !== undefined) this.#drop(path, 'prefixItems', 'entries by place');
    const lowered = [...(properties ?? [])].map(([name, inner]) => [name, this.lower(inner, depth)] as const);
    return {
      ...(properties === undefined ? {} : { properties: new Map(lowered) }),
      ...(required === undefined ? {} : { required }),
      ...(additional === false ? { additional } : {}),
      ...(items === undefined || prefixItems !== undefined ? {} : { items: this.lower(items, depth) }),
    };
  }

  #lowerChoice({ path, enum: choice }: WireShape): WireShape['enum'] {
    if (choice === undefined || choice.length <= this.terms.choices) return choice;
    this.#drop(path, 'enum', `more than ${this.terms.choices} choices`);
    return undefined;
  }

  #lowerUnion(shape: WireShape, alternatives: readonly WireShape[], depth: number): WireShape {
    const { path, title, description } = shape;
    if (alternatives.length > this.terms.alternatives) {
      this.#drop(path, 'anyOf', `more than ${this.terms.alternatives} alternatives`);
      return shapeOf({ path, title, description, type: commonTypeOf(alternatives) });
    }
    return { ...shape, anyOf: alternatives.map((alternative) => this.lower(alternative, depth)) };
  }

  #lowerReference(shape: WireShape, name: string, depth: number): WireShape {
    if (this.terms.references) return shape;
    const target = this.document.definitions.get(name);
    if (target === undefined || this.#open.has(name) || (name === ROOT && depth > 0)) {
      this.#drop(shape.path, '$ref', 'cycles');
      return shapeOf({ path: shape.path, type: target?.type });
    }
    this.#open.add(name);
    const lowered = this.lower(target, depth);
    this.#open.delete(name);
    return lowered;
  }

  #drop(path: string, keyword: string, what: string): void {
    const why = `Gemini found the schema too complex, and is not told of ${what}`;
    this.relax({ path: keyword === '$ref' ? path : `${path}/${keyword}`, keyword, why });
  }
}

/** The type that all alternatives have. */
function commonTypeOf(shapes: readonly WireShape[]): WireShape['type'] {
  const types = new Set(shapes.map(({ type }) => type));
  return types.size === 1 ? shapes[0]?.type : undefined;
}
