import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { REASONS } from '../../../../src/core/gateway-error.js';
import { CHAT_FIELDS } from '../../../../src/transport/openai-api/chat-request.mapper.js';
import { EMBEDDING_FIELDS } from '../../../../src/transport/openai-api/embeddings.mapper.js';
import { OPENAI_ERRORS } from '../../../../src/transport/openai-api/openai-api.surface.js';
import type { FieldRule, FieldRules } from '../../../../src/transport/shared/request-fields.js';
import { RESPONSE_FIELDS } from '../../../../src/transport/openai-api/responses-request.mapper.js';

const root = new URL('../../../../', import.meta.url);
const page = readFileSync(new URL('docs/openai.md', root), 'utf8');

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

/** The fields that OpenAI's own client declares for an interface. */
function declaredFields(file: string, name: string): string[] {
  const types = readFileSync(new URL(`node_modules/openai/resources/${file}`, root), 'utf8');
  const body = types.split(`export interface ${name} {\n`)[1]?.split('\n}\n')[0] ?? '';
  return [...body.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => field ?? '');
}

/** What the page says of a rule. */
function told(rule: FieldRule): string {
  if (rule.kind !== 'only') return rule.kind;
  const [value] = rule.values;
  return `only \`${JSON.stringify(value).replaceAll(/["[\]]/g, '')}\``;
}

/** Ours, beside what OpenAI documents. */
const OWN = new Set(['google', 'extra_body']);

describe.each<[string, FieldRules, string, string]>([
  [
    'Chat completions, field by field',
    CHAT_FIELDS,
    'chat/completions/completions.d.ts',
    'ChatCompletionCreateParamsBase',
  ],
  ['Responses', RESPONSE_FIELDS, 'responses/responses.d.ts', 'ResponseCreateParamsBase'],
])('%s', (heading, rules, file, type) => {
  it('handles every field that OpenAI documents, and no other', () => {
    const declared = declaredFields(file, type);
    expect(declared.length).toBeGreaterThan(30);
    expect([...rules.keys()].filter((name) => !OWN.has(name)).toSorted()).toEqual(declared.toSorted());
  });

  it('is told in docs/openai.md, field by field, as it is', () => {
    const documented = rowsUnder(heading).map(([field, here]) => `${field} ${here}`);
    const handled = [...rules].map(([field, rule]) => `\`${field}\` ${told(rule)}`);
    expect(documented.toSorted()).toEqual(handled.toSorted());
  });
});

it('embeddings handle every field that OpenAI documents', () => {
  const declared = declaredFields('embeddings.d.ts', 'EmbeddingCreateParams');
  const own = new Set([...OWN, 'metadata', 'safety_identifier']);
  expect([...EMBEDDING_FIELDS.keys()].filter((name) => !own.has(name)).toSorted()).toEqual(
    declared.toSorted(),
  );
});

it('docs/openai.md tells every error as it is', () => {
  expect(rowsUnder('Errors')).toEqual(
    (Object.keys(REASONS) as (keyof typeof REASONS)[]).map((reason) => {
      const { status, type, code } = OPENAI_ERRORS[reason];
      return [`\`${reason}\``, String(status), `\`${type}\``, code === null ? '' : `\`${code}\``];
    }),
  );
});
