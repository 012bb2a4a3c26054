import type { SectionClass } from '../core/config-snapshot.js';
import {
  fieldsOf,
  isFieldClass,
  type ConfigField,
  type FieldClass,
  type FieldRule,
} from './field.decorator.js';
import { SECRET_REF_RULE } from './secret-ref.js';
import { unitOf } from './unit.js';

const INTRODUCTION = `# Configuration

<!-- Made by \`npm run docs\` from the section classes. Do not edit. -->

Later sources win: defaults below < \`config/gateway.yaml\` < \`config/models.yaml\` < \`config/<GATEWAY_ENV>.yaml\`
(\`development\` unless set) < the file that \`GATEWAY_CONFIG\` names < environment variables. Mappings merge deeply,
lists are replaced, \`null\` removes an entry of a mapping or gives a field its default back.

Each field can be set by \`GATEWAY__\` and its path, the steps joined by two underscores, whatever their case:
\`GATEWAY__SERVER__DRAIN_TIMEOUT_MS=10000\`, \`GATEWAY__PROJECTS__0__WEIGHT=3\`. Values are read as YAML. The variables
in the tables are shorter names for their fields.

Unknown fields, names that match nothing and values that break a rule keep the gateway from starting, all of them
printed at once with their paths and files. A change of a file takes effect while the gateway runs, whole or not at
all, except in sections marked below.

A secret is given as a reference, never as itself: \`env:NAME\`, \`file:/path\` or
\`gcp-secret:projects/p/secrets/s/versions/latest\`.
`;

/** The text of docs/config.md. */
export function renderConfigDocs(sections: readonly SectionClass<object>[]): string {
  return [INTRODUCTION, ...sections.map(renderSection)].join('\n');
}

function renderSection(section: SectionClass<object>): string {
  const reload = section.reloadable === false ? 'Changes take effect at the next start.\n\n' : '';
  const head = '| Field | Type | Default | Variable | Meaning |\n| --- | --- | --- | --- | --- |';
  const path = section.topLevel === true ? '' : `${section.section}.`;
  return `## ${section.section}\n\n${reload}${head}\n${rows(section, path).join('\n')}\n`;
}

function rows(type: FieldClass, prefix: string): string[] {
  const defaults = new type() as Readonly<Record<string, unknown>>;
  return [...fieldsOf(type).values()].flatMap((field) => {
    const path = `${prefix}${field.name}`;
    const cells = [
      `\`${path}\``,
      typeOf(field),
      defaultOf(field, defaults[field.name]),
      field.env === undefined ? '' : `\`${field.env.name}\``,
      field.description,
    ];
    return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`, ...entryRows(field, path)];
  });
}

function entryRows({ shape }: ConfigField, path: string): string[] {
  switch (shape.kind) {
    case 'value':
      return [];
    case 'nested':
      return rows(shape.type, `${path}.`);
    case 'list':
      return isFieldClass(shape.type) ? rows(shape.type, `${path}[].`) : [];
    case 'map':
      return isFieldClass(shape.type) ? rows(shape.type, `${path}.<name>.`) : [];
    default:
      return shape satisfies never;
  }
}

function typeOf(field: ConfigField): string {
  const { shape } = field;
  switch (shape.kind) {
    case 'value':
      return valueType(field);
    case 'nested':
      return 'mapping';
    case 'list':
      return isFieldClass(shape.type) ? 'list' : `list of ${nameOfScalar(shape.type)}`;
    case 'map':
      return isFieldClass(shape.type) ? 'mapping by name' : `mapping of ${nameOfScalar(shape.type)} by name`;
    default:
      return shape satisfies never;
  }
}

const VALUE_TYPES: Readonly<Record<string, (constraint: unknown) => string>> = {
  isIn: (allowed) => (allowed as readonly unknown[]).map((value) => `\`${String(value)}\``).join(', '),
  isInt: () => 'integer',
  isNumber: () => 'number',
  isBoolean: () => 'boolean',
  isUrl: () => 'URL',
  isIso8601: () => 'date',
  matches: (pattern) => `text like \`${String(pattern)}\``,
  isObject: () => 'mapping',
  isString: () => 'text',
  [SECRET_REF_RULE]: () => 'reference to a secret',
};

function valueType({ name, rules }: ConfigField): string {
  const rule = rules.find((candidate) => candidate.name !== undefined && candidate.name in VALUE_TYPES);
  const base = VALUE_TYPES[rule?.name ?? '']?.(rule?.constraints[0]) ?? 'value';
  const unit = unitOf(name);
  return [
    rule?.each === true ? `list of ${base}` : base,
    range(rules),
    unit === undefined ? '' : `in ${unit}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function range(rules: readonly FieldRule[]): string {
  const [min, max] = [bound(rules, 'min'), bound(rules, 'max')];
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `from ${min}`;
  return max === undefined ? '' : `to ${max}`;
}

function bound(rules: readonly FieldRule[], name: string): number | undefined {
  const constraint = rules.find((rule) => rule.name === name)?.constraints[0];
  return typeof constraint === 'number' ? constraint : undefined;
}

function defaultOf({ shape, optional }: ConfigField, value: unknown): string {
  if (value === undefined) return optional ? '' : 'required';
  return shape.kind === 'nested' ? '' : `\`${JSON.stringify(value)}\``;
}

function nameOfScalar(type: { readonly name: string }): string {
  return type === String ? 'text' : type.name.toLowerCase();
}
