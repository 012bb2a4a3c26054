import { validateSync, type ValidationError } from 'class-validator';
import type { ConfigProblem } from '../core/config-snapshot.js';
import { childPath, suggestion } from './config-path.js';
import { emptyMap, isRawMap, type RawMap } from './config-tree.js';
import {
  fieldsOf,
  isFieldClass,
  type ConfigField,
  type EntryType,
  type FieldClass,
} from './field.decorator.js';
import { SECRET_REF_RULE } from './secret-ref.js';
import { unitOf } from './unit.js';

/** Collects what is wrong, at which path. */
export type Report = (problem: ConfigProblem) => void;

/**
 * Builds an instance from what the files say. Unknown keys, missing values and broken rules are reported, each
 * with its path; the instance returned then has the default in place of each value that was refused.
 */
export function bindSection<T extends object>(
  type: new () => T,
  raw: Readonly<RawMap>,
  path: string,
  report: Report,
): T {
  return bindClass(type, new type(), raw, path, report) as T;
}

function bindClass(
  type: FieldClass,
  instance: object,
  raw: Readonly<RawMap>,
  path: string,
  report: Report,
): object {
  const fields = fieldsOf(type);
  const values = instance as Record<string, unknown>;
  const defaults = { ...values };
  for (const key of Object.keys(raw))
    if (!fields.has(key))
      report({ path: childPath(path, key), message: `unknown field${suggestion(key, fields.keys())}` });
  const refused = new Set<string>();
  const reportField =
    (name: string): Report =>
    (problem) => {
      if (problem.path === childPath(path, name)) refused.add(name);
      report(problem);
    };
  for (const field of fields.values())
    values[field.name] = bindField(
      field,
      raw[field.name] ?? undefined,
      values[field.name],
      childPath(path, field.name),
      reportField(field.name),
    );
  for (const error of validateSync(instance, { forbidUnknownValues: false })) {
    const field = fields.get(error.property);
    if (field === undefined || refused.has(field.name) || error.constraints === undefined) continue;
    report({ path: childPath(path, field.name), message: ruleMessage(error, field) });
    values[field.name] = defaults[field.name];
  }
  return instance;
}

function bindField(
  field: ConfigField,
  raw: unknown,
  fallback: unknown,
  path: string,
  report: Report,
): unknown {
  const { shape } = field;
  if (raw === undefined && fallback === undefined && shape.kind !== 'value' && !field.optional)
    report({ path, message: 'is required' });
  const withoutDefault = fallback === undefined || shape.kind === 'value' || shape.kind === 'list';
  if (raw === undefined && withoutDefault) return fallback;
  switch (shape.kind) {
    case 'value':
      return raw;
    case 'nested':
      return bindEntry(shape.type, raw ?? emptyMap(), fallback, path, report);
    case 'list':
      return bindList(shape.type, raw, fallback, path, report);
    case 'map':
      return bindMap(shape.type, raw ?? emptyMap(), fallback, path, report);
    default:
      return shape satisfies never;
  }
}

function bindList(type: EntryType, raw: unknown, fallback: unknown, path: string, report: Report): unknown {
  if (!Array.isArray(raw)) {
    report({ path, message: `must be a list, got ${kindOf(raw)}` });
    return fallback;
  }
  return raw
    .map((entry: unknown, index) => bindEntry(type, entry, undefined, childPath(path, index), report))
    .filter((entry) => entry !== undefined);
}

function bindMap(type: EntryType, raw: unknown, fallback: unknown, path: string, report: Report): unknown {
  if (!isRawMap(raw)) {
    report({ path, message: `must be a mapping, got ${kindOf(raw)}` });
    return fallback;
  }
  const entries = Object.assign(emptyMap(), fallback);
  for (const [name, value] of Object.entries(raw)) {
    if (value === null) delete entries[name];
    else if (name === '__proto__') report({ path: childPath(path, name), message: 'is no name' });
    else {
      const entry = bindEntry(type, value, entries[name], childPath(path, name), report);
      if (entry !== undefined) entries[name] = entry;
    }
  }
  return entries;
}

function bindEntry(type: EntryType, raw: unknown, fallback: unknown, path: string, report: Report): unknown {
  if (isFieldClass(type)) {
    const instance = (fallback as object | undefined) ?? new type();
    if (isRawMap(raw)) return bindClass(type, instance, raw, path, report);
    report({ path, message: `must be a mapping, got ${kindOf(raw)}` });
    return instance;
  }
  const expected = (type as { readonly name: string }).name.toLowerCase();
  if (typeof raw === expected) return raw;
  report({ path, message: `must be a ${expected}, got ${kindOf(raw)}` });
  return fallback;
}

function ruleMessage(error: ValidationError, field: ConfigField): string {
  const constraints = error.constraints ?? {};
  // Whatever stands where a reference belongs may be the secret itself.
  const secret = constraints[SECRET_REF_RULE];
  if (secret !== undefined) return secret;
  const value: unknown = error.value;
  if (value === undefined) return 'is required';
  const broken = Object.values(constraints).map((message) =>
    message.replace(`each value in ${field.name}`, 'each value').replace(new RegExp(`^${field.name} `), ''),
  );
  const unit = typeof value === 'string' ? unitOf(field.name) : undefined;
  const inUnit = unit === undefined ? '' : ` (${unit})`;
  return `${[...new Set(broken)].toReversed().join(', ')}${inUnit}, got ${shown(value)}`;
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}
