import type { SectionClass } from '../core/config-snapshot.js';
import type { Report } from './bind-section.js';
import { foldName, suggestion } from './config-path.js';
import { isRawMap, type ConfigTree } from './config-tree.js';
import {
  fieldsOf,
  isFieldClass,
  type ConfigField,
  type EntryType,
  type FieldClass,
} from './field.decorator.js';
import { parseYamlScalar } from './yaml-layer.js';

/** Variables by name, as the process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'GATEWAY__';

/** What the steps of a variable have led to so far. */
type Place =
  | { readonly kind: 'class'; readonly type: FieldClass }
  | { readonly kind: 'list' | 'map'; readonly type: EntryType }
  | { readonly kind: 'value'; readonly text: boolean };

/**
 * Lays the environment over the files: first the variables that sections name by `@Env`, then
 * `GATEWAY__SECTION__KEY`, whose steps match field names whatever their case and underscores. A
 * variable that matches nothing is reported.
 */
export function applyEnvironment(
  tree: ConfigTree,
  sections: readonly SectionClass<object>[],
  environment: Environment,
  report: Report,
): void {
  for (const section of sections)
    applyAliases(tree, section, section.topLevel === true ? [] : [section.section], environment);
  for (const name of Object.keys(environment).toSorted()) {
    const text = environment[name];
    if (!name.startsWith(PREFIX) || text === undefined) continue;
    const source = `environment variable ${name}`;
    const found = resolve(tree, sections, name.slice(PREFIX.length).split('__'));
    if (typeof found === 'string') report({ path: '', message: found, source });
    else tree.set(found.steps, found.text ? text : parseYamlScalar(text), source);
  }
}

/** Every environment variable that a field of the class or of a class nested in it names, with its path. */
function applyAliases(
  tree: ConfigTree,
  type: FieldClass,
  steps: readonly string[],
  environment: Environment,
): void {
  for (const field of fieldsOf(type).values()) {
    const at = [...steps, field.name];
    if (field.shape.kind === 'nested') applyAliases(tree, field.shape.type, at, environment);
    const text = field.env === undefined ? undefined : environment[field.env.name];
    if (field.env === undefined || text === undefined || text === '') continue;
    const asText = field.declaredType === String ? text : parseYamlScalar(text);
    const value = field.env.as === 'reference' ? `env:${field.env.name}` : asText;
    tree.set(at, value, `environment variable ${field.env.name}`);
  }
}

function resolve(
  tree: ConfigTree,
  sections: readonly SectionClass<object>[],
  variable: readonly string[],
): { readonly steps: readonly (string | number)[]; readonly text: boolean } | string {
  const steps: (string | number)[] = [];
  let place: Place | undefined;
  for (const step of variable) {
    const next: readonly [string | number, Place] | string =
      place === undefined ? topStep(sections, step) : within(place, step, tree.at(steps));
    if (typeof next === 'string') return next;
    steps.push(next[0]);
    place = next[1];
  }
  return { steps, text: place?.kind === 'value' && place.text };
}

function topStep(sections: readonly SectionClass<object>[], step: string): readonly [string, Place] | string {
  const places = new Map<string, Place>();
  for (const section of sections)
    if (section.topLevel === true)
      for (const field of fieldsOf(section).values()) places.set(field.name, placeOf(field));
    else places.set(section.section, { kind: 'class', type: section });
  return named(places, step, 'section');
}

function within(place: Place, step: string, present: unknown): readonly [string | number, Place] | string {
  switch (place.kind) {
    case 'class':
      return named(
        new Map([...fieldsOf(place.type).values()].map((field) => [field.name, placeOf(field)])),
        step,
        'field',
      );
    case 'map': {
      const names = isRawMap(present) ? Object.keys(present) : [];
      const name = names.find((known) => foldName(known) === foldName(step)) ?? step.toLowerCase();
      return [name, entryPlace(place.type)];
    }
    case 'list': {
      const length = Array.isArray(present) ? present.length : 0;
      if (!/^\d+$/.test(step) || Number(step) > length)
        return `"${step}" is no position in a list of ${length}`;
      return [Number(step), entryPlace(place.type)];
    }
    case 'value':
      return `"${step}" leads into a field that has no fields of its own`;
    default:
      return place satisfies never;
  }
}

function named(
  places: ReadonlyMap<string, Place>,
  step: string,
  what: string,
): readonly [string, Place] | string {
  for (const [name, place] of places) if (foldName(name) === foldName(step)) return [name, place];
  return `matches no ${what} at "${step}"${suggestion(step, places.keys())}`;
}

function placeOf(field: ConfigField): Place {
  const { shape } = field;
  if (shape.kind === 'value') return { kind: 'value', text: field.declaredType === String };
  return shape.kind === 'nested' ? { kind: 'class', type: shape.type } : shape;
}

function entryPlace(type: EntryType): Place {
  return isFieldClass(type) ? { kind: 'class', type } : { kind: 'value', text: type === String };
}
