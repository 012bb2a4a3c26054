import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '../../../src/core/json.js';
import type { SchemaJob, SchemaReply } from '../../../src/structured-output/schema-job.js';
import type { SchemaThread } from '../../../src/structured-output/schema-thread.js';
import { SchemaValidation } from '../../../src/structured-output/schema-validation.js';
import { validationCost } from '../../../src/structured-output/validation-cost.js';

/** A thread that finds everything valid, and what it was asked. */
function listening(): { thread: SchemaThread; jobs: SchemaJob[] } {
  const jobs: SchemaJob[] = [];
  const run = (job: SchemaJob): Promise<SchemaReply> => {
    jobs.push(job);
    return Promise.resolve({ kind: 'verdict', verdict: { valid: true } });
  };
  return { thread: { run } as SchemaThread, jobs };
}

/** How many of three checks of a value went to the thread. */
async function checksInThread(schema: JsonObject, value: JsonValue): Promise<number> {
  const { thread, jobs } = listening();
  const findings = {
    dialect: 'draft2020-12',
    text: JSON.stringify(schema),
    cost: validationCost(schema),
  } as const;
  const validation = new SchemaValidation(findings, thread);
  for (let time = 0; time < 3; time += 1) await validation.validate(value);
  return jobs.length;
}

const repeated = (count: number): JsonValue[] => Array.from({ length: count }, () => 'a');

describe('SchemaValidation', () => {
  it('checks a small document in place, but not for the first time', async () => {
    expect(await checksInThread({ type: 'string', pattern: '^a' }, 'a')).toBe(1);
    expect(await checksInThread({ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, 'a')).toBe(1);
  });

  it.each<[string, JsonObject, JsonValue]>([
    ['a large document', { items: { type: 'string' } }, repeated(20_000)],
    ['a schema that holds itself', { type: 'object', additionalProperties: { $ref: '#' } }, {}],
    ['a large schema', { anyOf: Array.from({ length: 50 }, (_, at) => ({ const: at })) }, 'a'],
    ['many choices for many values', { items: { enum: repeated(500) } }, repeated(50)],
    ['a pattern over a long text', { pattern: '^a+$' }, 'a'.repeat(50_000)],
    ['a pattern that repeats itself', { pattern: '(a{50}){10}' }, 'a'.repeat(500)],
    ['entries that must differ', { uniqueItems: true }, Array.from({ length: 200 }, (_, at) => at)],
    ['references by name', { $ref: '#a', $defs: { b: { $anchor: 'a' } } }, 'a'],
    ['dynamic references', { $dynamicRef: '#a', $defs: { b: { $dynamicAnchor: 'a' } } }, 'a'],
    ['the rules of the dialect', { $ref: 'https://json-schema.org/draft/2020-12/schema' }, {}],
  ])('leaves %s to the thread', async (_, schema, value) => {
    expect(await checksInThread(schema, value)).toBe(3);
  });

  it('asks for all that is wrong in small documents alone', async () => {
    const { thread, jobs } = listening();
    const findings = { dialect: 'draft2020-12', text: '{}', cost: undefined } as const;
    const validation = new SchemaValidation(findings, thread);
    await validation.validate(repeated(9_000));
    await validation.validate(repeated(11_000));
    expect(jobs.map((job) => job.kind === 'validate' && job.terms.allErrors)).toEqual([true, false]);
  });
});
