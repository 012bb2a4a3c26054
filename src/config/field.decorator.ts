import 'reflect-metadata';
import { getMetadataStorage } from 'class-validator';

/** A class of which a configuration value is an instance. */
export type FieldClass = new () => object;

/** What the values of a list or a map are. */
export type EntryType = FieldClass | StringConstructor | NumberConstructor | BooleanConstructor;

/** How a field is built from what the files say. */
export type FieldShape =
  | { readonly kind: 'value' }
  | { readonly kind: 'nested'; readonly type: FieldClass }
  | { readonly kind: 'list'; readonly type: EntryType }
  | { readonly kind: 'map'; readonly type: EntryType };

/** A named environment variable that sets a field. */
export interface EnvAlias {
  readonly name: string;
  /** `reference` sets the field to `env:<name>`, so that the value itself never enters the configuration. */
  readonly as: 'value' | 'reference';
}

/** One class-validator rule on a field. */
export interface FieldRule {
  readonly name: string | undefined;
  readonly constraints: readonly unknown[];
  readonly each: boolean;
}

/** Everything known about one field of a section class or of a class nested in one. */
export interface ConfigField {
  readonly name: string;
  readonly description: string;
  readonly shape: FieldShape;
  readonly env: EnvAlias | undefined;
  /** Constructor that TypeScript emitted for the declared type, for example `Number`. */
  readonly declaredType: unknown;
  readonly rules: readonly FieldRule[];
  readonly optional: boolean;
}

interface Declared {
  description?: string;
  shape?: () => FieldShape;
  env?: EnvAlias;
}

const declarations = new WeakMap<object, Map<string, Declared>>();

function declare(prototype: object, name: string | symbol, part: Declared): void {
  const fields = declarations.get(prototype) ?? new Map<string, Declared>();
  fields.set(String(name), { ...fields.get(String(name)), ...part });
  declarations.set(prototype, fields);
}

/** Says in docs/config.md what the field is for. Every field has one; its unit stands in its name. */
export function Doc(description: string): PropertyDecorator {
  return (prototype, name) => declare(prototype, name, { description });
}

/** Lets a documented environment variable set the field, above every file. Not within lists and maps. */
export function Env(name: string, as: EnvAlias['as'] = 'value'): PropertyDecorator {
  return (prototype, field) => declare(prototype, field, { env: { name, as } });
}

/** The field is an instance of a class with fields of its own. */
export function Nested(type: () => FieldClass): PropertyDecorator {
  return (prototype, name) => declare(prototype, name, { shape: () => ({ kind: 'nested', type: type() }) });
}

/** The field is a list of such values. A later layer replaces the whole list. */
export function ListOf(type: () => EntryType): PropertyDecorator {
  return (prototype, name) => declare(prototype, name, { shape: () => ({ kind: 'list', type: type() }) });
}

/** The field maps names to such values. Later layers merge into it; `null` removes an entry. */
export function MapOf(type: () => EntryType): PropertyDecorator {
  return (prototype, name) => declare(prototype, name, { shape: () => ({ kind: 'map', type: type() }) });
}

const known = new WeakMap<FieldClass, ReadonlyMap<string, ConfigField>>();

/**
 * Fields of a configuration class, inherited ones included. Throws where the class itself is wrong: a field
 * without `@Doc`, without any rule, or with a class-validator nesting that the loader does not see.
 */
export function fieldsOf(type: FieldClass): ReadonlyMap<string, ConfigField> {
  const cached = known.get(type);
  if (cached !== undefined) return cached;
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const declared = declaredFields(type.prototype as object);
  const fields = new Map<string, ConfigField>();
  for (const name of new Set([...declared.keys(), ...rules.map((rule) => rule.propertyName)])) {
    const part = declared.get(name) ?? {};
    const own = rules.filter((rule) => rule.propertyName === name);
    const at = `${type.name}.${name}`;
    if (part.description === undefined) throw new TypeError(`${at} has no @Doc.`);
    if (own.length === 0 && part.shape === undefined) throw new TypeError(`${at} has no validation rule.`);
    if (own.some((rule) => rule.type === 'nestedValidation'))
      throw new TypeError(`${at} uses @ValidateNested; declare it with @Nested, @ListOf or @MapOf.`);
    fields.set(name, {
      name,
      description: part.description,
      shape: part.shape?.() ?? { kind: 'value' },
      env: part.env,
      declaredType: Reflect.getMetadata('design:type', type.prototype as object, name),
      rules: own.map((rule) => ({ name: rule.name, constraints: rule.constraints ?? [], each: rule.each })),
      optional: own.some((rule) => rule.name === 'isOptional'),
    });
  }
  known.set(type, fields);
  return fields;
}

function declaredFields(prototype: object): Map<string, Declared> {
  const parent: unknown = Object.getPrototypeOf(prototype);
  const inherited = typeof parent === 'object' && parent !== null ? declaredFields(parent) : [];
  return new Map([...inherited, ...(declarations.get(prototype) ?? [])]);
}

/** True for a type with fields of its own, false for text, numbers and booleans. */
export function isFieldClass(type: EntryType): type is FieldClass {
  return type !== String && type !== Number && type !== Boolean;
}
