import type { ConfigProblem, ConfigSnapshot, SectionClass } from '../core/config-snapshot.js';
import { childPath } from './config-path.js';
import { type FieldClass, fieldsOf, isFieldClass } from './field.decorator.js';
import { SECRET_REF_RULE } from './secret-ref.js';
import type { SecretStore } from './secrets.js';

/**
 * What is wrong with the secrets that a configuration refers to: one problem for each that cannot be read. Those
 * that can are read when this resolves, and kept up to date from then on.
 */
export async function secretProblems(
  snapshot: ConfigSnapshot,
  sections: readonly SectionClass<object>[],
  secrets: SecretStore,
): Promise<readonly ConfigProblem[]> {
  const found = sections.flatMap((section) =>
    referencesIn(section, snapshot.get(section), section.topLevel === true ? '' : section.section),
  );
  const problems = await Promise.all(
    found.map(async ({ path, reference }): Promise<ConfigProblem[]> => {
      try {
        await secrets.watch(reference).ready();
        return [];
      } catch (thrown) {
        return [{ path, message: thrown instanceof Error ? thrown.message : 'the secret cannot be read' }];
      }
    }),
  );
  return problems.flat();
}

interface Reference {
  readonly path: string;
  readonly reference: string;
}

function referencesIn(type: FieldClass, instance: object, path: string): Reference[] {
  const values = new Map(Object.entries(instance));
  return [...fieldsOf(type).values()].flatMap((field): Reference[] => {
    const value: unknown = values.get(field.name);
    const at = childPath(path, field.name);
    if (typeof value === 'string') {
      return field.rules.some(({ name }) => name === SECRET_REF_RULE) ? [{ path: at, reference: value }] : [];
    }
    const { shape } = field;
    if (typeof value !== 'object' || value === null || shape.kind === 'value' || !isFieldClass(shape.type))
      return [];
    const inner = shape.type;
    if (shape.kind === 'nested') return referencesIn(inner, value, at);
    const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
    return entries.flatMap(([step, entry]) => referencesIn(inner, entry as object, childPath(at, step)));
  });
}
