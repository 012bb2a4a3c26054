import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { Random } from './random.js';
import { randomString, randomWord } from './random-string.js';

/** Below this depth optional properties are left out, so that recursive schemas end. */
const DEEP = 4;
/** Below this depth nothing is made any more: the schema demands an endless document. */
const BOTTOM = 32;

/**
 * A document that is valid against `schema`: Google's OpenAPI subset (`responseSchema`, upper-case types,
 * `nullable`) or JSON Schema (`responseJsonSchema`, with `$defs` and `$ref`). Keywords that Google does not
 * read are not read here either.
 */
export function randomDocument(schema: JsonObject, random: Random): JsonValue {
  return new DocumentMaker(schema, random).make(schema, 0);
}

class DocumentMaker {
  constructor(
    private readonly root: JsonObject,
    private readonly random: Random,
  ) {}

  make(schema: JsonObject, depth: number): JsonValue {
    if (depth > BOTTOM) return null;
    if (typeof schema.$ref === 'string') return this.make(this.resolve(schema.$ref), depth + 1);
    if ('const' in schema) return schema.const ?? null;
    if (Array.isArray(schema.enum) && schema.enum.length > 0) return this.random.pick(schema.enum);
    const branches = schema.anyOf ?? schema.oneOf;
    if (Array.isArray(branches) && branches.length > 0) return this.branch(schema, branches, depth);
    if (Array.isArray(schema.allOf)) return this.make(merged(schema), depth);
    return this.ofType(this.typeOf(schema), schema, depth);
  }

  private branch(schema: JsonObject, branches: JsonValue[], depth: number): JsonValue {
    const { anyOf: _anyOf, oneOf: _oneOf, ...shared } = schema;
    const usable = branches.filter(isJsonObject);
    const ends = usable.filter((branch) => !('$ref' in branch) && !('properties' in branch));
    const chosen = this.random.pick(depth >= DEEP && ends.length > 0 ? ends : usable);
    return this.make({ ...shared, ...chosen }, depth + 1);
  }

  private typeOf(schema: JsonObject): string {
    const stated = Array.isArray(schema.type) ? this.firstUseful(schema.type) : schema.type;
    if (typeof stated === 'string') return stated.toLowerCase();
    if (isJsonObject(schema.properties)) return 'object';
    if (schema.items !== undefined || schema.prefixItems !== undefined) return 'array';
    return schema.minimum !== undefined || schema.maximum !== undefined ? 'number' : 'string';
  }

  private firstUseful(types: JsonValue[]): JsonValue | undefined {
    return types.find((type) => typeof type === 'string' && type.toLowerCase() !== 'null') ?? types[0];
  }

  private ofType(type: string, schema: JsonObject, depth: number): JsonValue {
    if (type === 'object') return this.object(schema, depth);
    if (type === 'array') return this.array(schema, depth);
    if (type === 'integer') return this.integer(schema);
    if (type === 'number') return this.number(schema);
    if (type === 'boolean') return this.random.next() < 0.5;
    return type === 'null' ? null : randomString(schema, this.random);
  }

  private object(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema.properties) ? schema.properties : {};
    const required = new Set(Array.isArray(schema.required) ? schema.required : []);
    const ordering = Array.isArray(schema.propertyOrdering) ? schema.propertyOrdering : [];
    const names = new Set([
      ...ordering.filter((name) => typeof name === 'string'),
      ...Object.keys(properties),
    ]);
    const least = numberOr(schema.minProperties, 0);
    const most = numberOr(schema.maxProperties, Infinity);
    const document: JsonObject = {};
    let optional = most - required.size;
    for (const name of names) {
      const property = properties[name];
      if (!isJsonObject(property)) continue;
      const wanted = required.has(name) || (optional > 0 && depth < DEEP && this.random.next() < 0.7);
      if (!wanted) continue;
      if (!required.has(name)) optional--;
      document[name] = this.make(property, depth + 1);
    }
    this.fillUp(document, schema, least, depth);
    return document;
  }

  private fillUp(document: JsonObject, schema: JsonObject, least: number, depth: number): void {
    const properties = isJsonObject(schema.properties) ? schema.properties : {};
    for (const [name, property] of Object.entries(properties)) {
      if (Object.keys(document).length >= least) return;
      if (!(name in document) && isJsonObject(property)) document[name] = this.make(property, depth + 1);
    }
    const extra = isJsonObject(schema.additionalProperties)
      ? schema.additionalProperties
      : { type: 'string' };
    while (Object.keys(document).length < least)
      document[`${randomWord(this.random)}${Object.keys(document).length}`] = this.make(extra, depth + 1);
  }

  private array(schema: JsonObject, depth: number): JsonValue[] {
    const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems.filter(isJsonObject) : [];
    const least = numberOr(schema.minItems, prefix.length);
    const most = numberOr(schema.maxItems, Math.max(least, prefix.length, depth < DEEP ? 3 : 0));
    const items = isJsonObject(schema.items) ? schema.items : undefined;
    const wanted =
      schema.items === false
        ? Math.min(prefix.length, most)
        : this.random.integer(Math.min(Math.max(least, Math.min(1, most)), most), most);
    const length = Math.min(wanted, least + 3 + prefix.length);
    return Array.from({ length }, (_, index) =>
      this.make(prefix[index] ?? items ?? { type: 'string' }, depth + 1),
    );
  }

  private integer(schema: JsonObject): number {
    const step = Math.max(1, numberOr(schema.multipleOf, 1));
    const { low, high } = range(schema, step);
    return this.random.integer(Math.ceil(low / step), Math.floor(high / step)) * step;
  }

  private number(schema: JsonObject): number {
    if (typeof schema.multipleOf === 'number') {
      const { low, high } = range(schema, schema.multipleOf);
      const step = schema.multipleOf;
      return this.random.integer(Math.ceil(low / step), Math.floor(high / step)) * step;
    }
    const { low, high } = range(schema, Number.EPSILON);
    const made = Math.round((low + this.random.next() * (high - low)) * 100) / 100;
    return made < low || made > high ? (low + high) / 2 : made;
  }

  private resolve(reference: string): JsonObject {
    if (reference === '#') return this.root;
    const steps = reference.startsWith('#/') ? reference.slice(2).split('/') : undefined;
    let found: JsonValue | undefined = steps === undefined ? this.anchored(reference.slice(1)) : this.root;
    for (const step of steps ?? []) {
      const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
      if (Array.isArray(found)) found = found[Number(name)];
      else found = isJsonObject(found) ? found[name] : undefined;
    }
    return isJsonObject(found) ? found : {};
  }

  private anchored(name: string): JsonValue | undefined {
    const definitions = isJsonObject(this.root.$defs) ? Object.values(this.root.$defs) : [];
    return definitions.find((each) => isJsonObject(each) && (each.$anchor === name || each.$id === name));
  }
}

function merged(schema: JsonObject): JsonObject {
  const { allOf, ...own } = schema;
  const parts = [own, ...(Array.isArray(allOf) ? allOf.filter(isJsonObject) : [])];
  const whole: JsonObject = Object.assign({}, ...parts);
  whole.properties = Object.assign({}, ...parts.map((part) => part.properties ?? {})) as JsonObject;
  whole.required = parts.flatMap((part) => (Array.isArray(part.required) ? part.required : []));
  return whole;
}

/** Inclusive bounds; exclusive ones are moved inwards by `step`. A missing bound lies 100 away. */
function range(schema: JsonObject, step: number): { low: number; high: number } {
  const above = bound(schema.exclusiveMinimum, schema.minimum, step);
  const below = bound(schema.exclusiveMaximum, schema.maximum, -step);
  const low = above ?? (below === undefined ? 0 : below - 100);
  return { low, high: below ?? low + 100 };
}

function bound(
  exclusive: JsonValue | undefined,
  inclusive: JsonValue | undefined,
  inwards: number,
): number | undefined {
  if (typeof exclusive === 'number') return exclusive + inwards;
  if (typeof inclusive !== 'number') return undefined;
  return exclusive === true ? inclusive + inwards : inclusive;
}

function numberOr(value: JsonValue | undefined, otherwise: number): number {
  const parsed = typeof value === 'string' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : otherwise;
}
