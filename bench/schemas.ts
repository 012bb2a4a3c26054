import 'reflect-metadata';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { HOSTILE_INPUTS } from '../test/helpers/hostile-schemas.ts';

// The compiled gateway: what is measured is what runs.
const compiled = new URL('../dist/', import.meta.url);
const load = (file: string): Promise<unknown> => import(new URL(file, compiled).href);
const { SchemaCompiler } = (await load(
  'structured-output/schema-compiler.js',
)) as typeof import('../src/structured-output/schema-compiler.js');
const { systemClock } = (await load('core/clock.js')) as typeof import('../src/core/clock.js');

const MS = 1e6;
const CHECKS = 2_000;
const compiler = new SchemaCompiler(systemClock);

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1 },
    age: { type: 'integer', minimum: 0 },
    emails: { type: 'array', items: { type: 'string', pattern: '^[^@]+@[^@]+$' } },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};
const answer = { name: 'Ada', age: 36, emails: ['ada@example.com'] };

console.log('schemas: a sound one');
const startedMs = performance.now();
const sound = await compiler.compile(person);
console.log(
  `  first compiled, the start of the thread included: ${(performance.now() - startedMs).toFixed(0)} ms`,
);
await sound.validate(answer);
console.log(`  answer checked in place: ${await microseconds(() => sound.validate(answer))} us`);
const many = { ...person, $anchor: 'thread' };
const inThread = await compiler.compile(many);
console.log(`  answer checked in the thread: ${await microseconds(() => inThread.validate(answer))} us`);
const titles = Array.from({ length: 200 }, (_, at) => ({ ...person, title: `person ${at}` }));
let next = 0;
const each = await microseconds(() => compiler.compile(titles[next++]!), titles.length);
console.log(`  another schema compiled: ${each} us`);

console.log(`schemas: ${HOSTILE_INPUTS.length} hostile schemas, patterns and documents`);
const idle = monitorEventLoopDelay({ resolution: 1 });
idle.enable();
await delay(3_000);
idle.disable();
const busy = monitorEventLoopDelay({ resolution: 1 });
const outcomes = new Map<string, number>();
const hostileMs = performance.now();
busy.enable();
for (const input of HOSTILE_INPUTS) {
  const outcome = await outcomeOf(input);
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
busy.disable();
for (const [outcome, count] of outcomes) console.log(`  ${outcome}: ${count}`);
console.log(`  all of them: ${((performance.now() - hostileMs) / 1000).toFixed(1)} s`);
for (const [name, delays] of Object.entries({ idle, 'under them': busy })) {
  const [p50, p99, max] = [delays.percentile(50), delays.percentile(99), delays.max].map((ns) =>
    (ns / MS).toFixed(1),
  );
  console.log(`  event loop delay, ${name}: p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
}
await compiler.onApplicationShutdown();
process.exitCode = busy.percentile(99) / MS < 50 ? 0 : 1;

async function outcomeOf({ schema, document }: (typeof HOSTILE_INPUTS)[number]): Promise<string> {
  try {
    const made = await compiler.compile(schema);
    if (document === undefined) return 'compiled';
    const { valid } = await made.validate(document);
    return valid ? 'valid' : 'not valid';
  } catch (thrown) {
    return `refused, ${(thrown as { reason?: string }).reason ?? String(thrown)}`;
  }
}

/** The middle of the times that calls took, one after another. */
async function microseconds(work: () => Promise<unknown>, times = CHECKS): Promise<string> {
  const took: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const fromMs = performance.now();
    await work();
    took.push(performance.now() - fromMs);
  }
  took.sort((one, other) => one - other);
  return ((took[Math.floor(took.length / 2)] ?? 0) * 1000).toFixed(0);
}
