import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { REASONS } from '../../../../src/core/gateway-error.js';
import { ANTHROPIC_ERRORS } from '../../../../src/transport/anthropic-api/anthropic-api.surface.js';
import { BLOCK_FIELDS, REFUSED_BLOCKS } from '../../../../src/transport/anthropic-api/blocks.mapper.js';
import {
  COUNT_FIELDS,
  MESSAGE_FIELDS,
} from '../../../../src/transport/anthropic-api/message-request.mapper.js';
import { TOOL_FIELDS } from '../../../../src/transport/anthropic-api/tools.mapper.js';
import type { FieldRule, FieldRules } from '../../../../src/transport/shared/request-fields.js';

const root = new URL('../../../../', import.meta.url);
const page = readFileSync(new URL('docs/anthropic.md', root), 'utf8');
const types = readFileSync(
  new URL('node_modules/@anthropic-ai/sdk/resources/messages/messages.d.ts', root),
  'utf8',
);

/** The rows of the table under a heading of the page. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The interfaces of a union type of the client's. */
function unionOf(name: string): string {
  return types.split(`export type ${name} = `)[1]?.split(';\n')[0] ?? '';
}

/** What stands in an interface of the client's. */
function bodyOf(name: string): string {
  return types.split(`export interface ${name} {\n`)[1]?.split('\n}\n')[0] ?? '';
}

/** The fields of an interface of the client's. */
function declaredFields(name: string): string[] {
  return [...bodyOf(name).matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field ?? '');
}

/** The value of `type` of every block that stands in a declared union. */
function declaredBlocks(union: string): string[] {
  return [...union.matchAll(/\w+Param\b/g)].map(
    ([name]) => /^ {4}type: '(\w+)'/m.exec(bodyOf(name))?.[1] ?? name,
  );
}

/** What the page says of a rule. */
function told(rule: FieldRule): string {
  if (rule.kind !== 'only') return rule.kind;
  const [value] = rule.values;
  return `only \`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

const sentence = (why: string): string => `${why.charAt(0).toUpperCase()}${why.slice(1)}`;

/** Asserts that a field's last cell has the very words of its refusal. */
function assertWords(rule: FieldRule | undefined, cell = ''): void {
  if (rule === undefined || rule.kind === 'mapped' || cell === 'As above') return;
  expect(cell.split(';').slice(0, rule.why.split(';').length).join(';')).toBe(sentence(rule.why));
}

/** Fields that the client has no more, and that requests still bring; `thread` is a beta's. */
const UNDECLARED = ['temperature', 'top_p', 'top_k', 'thread'];

describe('messages', () => {
  it('handle every field that Anthropic documents', () => {
    const declared = declaredFields('MessageCreateParamsBase');
    expect(declared.length).toBeGreaterThan(15);
    expect([...MESSAGE_FIELDS.keys()].toSorted()).toEqual([...declared, ...UNDECLARED].toSorted());
    expect([...COUNT_FIELDS.keys()].toSorted()).toEqual(
      declaredFields('MessageCountTokensParams').toSorted(),
    );
  });

  it('are told in docs/anthropic.md, field by field, as they are', () => {
    const rows = rowsUnder('Messages, field by field');
    expect(new Map(rows.map(([field, here, counted]) => [field, [here, counted]]))).toEqual(
      new Map(
        [...MESSAGE_FIELDS].map(([name, rule]) => [
          `\`${name}\``,
          [told(rule), COUNT_FIELDS.has(name) ? 'yes' : ''],
        ]),
      ),
    );
    for (const [field = '', , , what] of rows) assertWords(MESSAGE_FIELDS.get(field.slice(1, -1)), what);
  });
});

describe('blocks', () => {
  const params: Readonly<Record<keyof typeof BLOCK_FIELDS, string>> = {
    text: 'TextBlockParam',
    image: 'ImageBlockParam',
    document: 'DocumentBlockParam',
    thinking: 'ThinkingBlockParam',
    tool_use: 'ToolUseBlockParam',
    tool_result: 'ToolResultBlockParam',
  };
  const rules: Readonly<Record<string, FieldRules>> = BLOCK_FIELDS;

  it('of all types that Anthropic documents are mapped or refused, and no others', () => {
    const [, inResults = ''] = /^ {4}content\?: (.*);$/m.exec(bodyOf('ToolResultBlockParam')) ?? [];
    const declared = new Set([...declaredBlocks(unionOf('ContentBlockParam')), ...declaredBlocks(inResults)]);
    expect(declared.size).toBeGreaterThan(15);
    expect(new Set([...Object.keys(BLOCK_FIELDS), ...REFUSED_BLOCKS.keys()])).toEqual(declared);
  });

  it.each(Object.entries(params))('%s: every field is handled that Anthropic documents', (type, name) => {
    expect(new Set(rules[type]?.keys())).toEqual(new Set(declaredFields(name)));
  });

  it('are told in docs/anthropic.md as they are', () => {
    const rows = rowsUnder('Blocks').filter((row) => row.length === 4);
    expect(rows.map(([type, field, here]) => [type, field, here])).toEqual(
      Object.entries(rules).flatMap(([type, fields]) =>
        [...fields].map(([field, rule]) => [`\`${type}\``, `\`${field}\``, told(rule)]),
      ),
    );
    for (const [type = '', field = '', , what] of rows)
      assertWords(rules[type.slice(1, -1)]?.get(field.slice(1, -1)), what);
    expect(rowsUnder('Blocks').filter((row) => row.length === 2)).toEqual(
      ([...REFUSED_BLOCKS] as [string, string][]).map(([type, why]) => [`\`${type}\``, sentence(why)]),
    );
  });
});

describe('tools', () => {
  it('handle every field that Anthropic documents', () => {
    expect([...TOOL_FIELDS.keys()].toSorted()).toEqual(declaredFields('Tool').toSorted());
  });

  it('are told in docs/anthropic.md as they are', () => {
    const rows = rowsUnder('Tools');
    expect(rows.map(([field, here]) => [field, here])).toEqual(
      [...TOOL_FIELDS].map(([field, rule]) => [`\`${field}\``, told(rule)]),
    );
    for (const [field = '', , what] of rows) assertWords(TOOL_FIELDS.get(field.slice(1, -1)), what);
  });
});

it('docs/anthropic.md tells every error as it is', () => {
  expect(rowsUnder('Errors')).toEqual(
    (Object.keys(REASONS) as (keyof typeof REASONS)[]).map((reason) => {
      const { status, type } = ANTHROPIC_ERRORS[reason];
      return [`\`${reason}\``, String(status), `\`${type}\``];
    }),
  );
});
