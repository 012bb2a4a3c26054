import type { JsonObject } from '../core/json.js';
import {
  describedNames,
  LIMITS,
  ROOT,
  type Limit,
  type Relax,
  type WireDocument,
  type WireShape,
} from './wire-shape.js';

/** Bounds that `responseJsonSchema` knows (Gemini API reference, GenerationConfig, November 2026). */
const KNOWN_LIMITS: ReadonlySet<Limit> = new Set<Limit>(['minimum', 'maximum', 'minItems', 'maxItems']);

/** A document as `responseJsonSchema` takes it. */
export function jsonSchemaForm({ root, definitions }: WireDocument, relax: Relax): JsonObject {
  const form = new JsonSchemaForm(relax);
  // A reference at the root would stand in no property that may be left out.
  const start = root.ref === undefined ? root : (definitions.get(root.ref) ?? { path: '' });
  const schema = form.print(start, false);
  const entries: [string, JsonObject][] = [];
  for (const [name, shape] of definitions) if (name !== ROOT) entries.push([name, form.print(shape, false)]);
  const used = entries.filter(([name]) => form.named.has(name));
  return used.length === 0 ? schema : { ...schema, $defs: Object.fromEntries(used) };
}

class JsonSchemaForm {
  /** Definitions that were referred to. */
  readonly named = new Set<string>();

  constructor(private readonly relax: Relax) {}

  /** `optional` says that the shape stands within a property that may be left out. */
  print(shape: WireShape, optional: boolean): JsonObject {
    if (shape.ref !== undefined) return this.#reference(shape, shape.ref, optional);
    const { title, description } = shape;
    const names = {
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
    };
    if (shape.anyOf !== undefined)
      return { ...names, anyOf: shape.anyOf.map((alternative) => this.print(alternative, optional)) };
    if (shape.pattern !== undefined) this.#lacks(shape, 'pattern');
    const { type, format, enum: choice, items, prefixItems } = shape;
    return {
      ...(type === undefined ? {} : { type }),
      ...(format === undefined ? {} : { format }),
      ...names,
      ...(choice === undefined ? {} : { enum: [...choice] }),
      ...this.#limits(shape),
      ...this.#object(shape),
      ...(prefixItems === undefined
        ? {}
        : { prefixItems: prefixItems.map((entry) => this.print(entry, optional)) }),
      ...(items === undefined ? {} : { items: this.print(items, optional) }),
    };
  }

  #reference({ path, cyclic }: WireShape, name: string, optional: boolean): JsonObject {
    if (cyclic === true && !optional) {
      const why = 'Gemini follows cycles only within properties that may be left out';
      this.relax({ path, keyword: '$ref', why, form: 'jsonSchema' });
      return {};
    }
    this.named.add(name);
    return { $ref: name === ROOT ? '#' : `#/$defs/${name}` };
  }

  #limits(shape: WireShape): JsonObject {
    const printed: JsonObject = {};
    for (const limit of LIMITS) {
      const bound = shape.limits?.[limit];
      if (bound === undefined) continue;
      if (KNOWN_LIMITS.has(limit)) printed[limit] = bound;
      else this.#lacks(shape, limit);
    }
    return printed;
  }

  #object(shape: WireShape): JsonObject {
    const { path, properties, additional } = shape;
    const required = describedNames(shape, this.relax);
    const names = [...(properties?.keys() ?? [])];
    const demanded = required.filter((name) => !leadsBack(properties?.get(name)));
    if (demanded.length < required.length) {
      const why = 'Gemini follows cycles only within properties that may be left out';
      this.relax({ path: `${path}/required`, keyword: 'required', why, form: 'jsonSchema' });
    }
    const entries = [...(properties ?? [])].map(
      ([name, property]) => [name, this.print(property, !demanded.includes(name))] as const,
    );
    return {
      ...(entries.length === 0 ? {} : { properties: Object.fromEntries(entries) }),
      ...(demanded.length === 0 ? {} : { required: demanded }),
      ...(names.length < 2 ? {} : { propertyOrdering: names }),
      ...(additional === undefined
        ? {}
        : { additionalProperties: additional === false ? false : this.print(additional, true) }),
    };
  }

  #lacks({ path }: WireShape, keyword: string): void {
    const why = 'responseJsonSchema has no such keyword';
    this.relax({ path: `${path}/${keyword}`, keyword, why, form: 'jsonSchema' });
  }
}

/** Whether following references from a shape leads back to it before any property does. */
function leadsBack(shape: WireShape | undefined): boolean {
  if (shape === undefined) return false;
  const { cyclic, anyOf = [], items, prefixItems = [] } = shape;
  return cyclic === true || [...anyOf, ...prefixItems, items].some(leadsBack);
}
