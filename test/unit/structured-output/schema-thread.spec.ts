import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../src/core/json.js';
import {
  SchemaThread,
  THREAD_LIMITS,
  type ThreadLimits,
} from '../../../src/structured-output/schema-thread.js';
import type { SchemaJob } from '../../../src/structured-output/schema-job.js';
import { eventually } from '../../helpers/eventually.js';
import { HOSTILE_INPUTS } from '../../helpers/hostile-schemas.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const closing: SchemaThread[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((thread) => thread.close()));
});

function threadWith(limits: Partial<ThreadLimits> = {}): { clock: ManualClock; thread: SchemaThread } {
  const clock = new ManualClock();
  const thread = new SchemaThread(clock, { ...THREAD_LIMITS, ...limits });
  closing.push(thread);
  return { clock, thread };
}

const validation = (schema: JsonObject, value: unknown): SchemaJob => ({
  kind: 'validate',
  terms: { dialect: 'draft2020-12', text: JSON.stringify(schema), allErrors: true, maxErrors: 20 },
  document: JSON.stringify(value),
});

const hostile = (name: string): JsonObject => HOSTILE_INPUTS.find((input) => input.name === name)!.schema;
const quick = validation({ type: 'string' }, 'a');
const endless = validation(hostile('doubling 60'), 'fits');
const fits = { kind: 'verdict', verdict: { valid: true } };

describe('SchemaThread', () => {
  it('ends a job that takes too long, and does the next', async () => {
    const { clock, thread } = threadWith();
    await thread.run(quick);
    const slow = thread.run(endless);
    const after = thread.run(quick);
    expect(clock.armed).toBe(2);
    clock.advance(THREAD_LIMITS.jobMs);
    await expect(slow).rejects.toMatchObject({ kind: 'too-slow' });
    expect(await after).toEqual(fits);
  });

  it('does not count the time of its own start against a job', async () => {
    const { clock, thread } = threadWith();
    const job = thread.run(quick);
    clock.advance(THREAD_LIMITS.jobMs);
    expect(await job).toEqual(fits);
    expect(clock.armed).toBe(0);
  });

  it('ends a job that takes too much memory', async () => {
    const { thread } = threadWith({ heapMb: 48 });
    await thread.run(quick);
    const many = validation({ items: { type: 'string' } }, Array(400_000).fill(1));
    await expect(thread.run(many)).rejects.toMatchObject({ kind: 'too-large' });
    expect(await thread.run(quick)).toEqual(fits);
  });

  it('checks answers before it compiles schemas', async () => {
    const { thread } = threadWith();
    const order: string[] = [];
    const compiles = [1, 2].map((title) =>
      thread.run({ kind: 'compile', text: `{"title":"${title}"}` }).then(() => order.push('compile')),
    );
    const validates = thread.run(quick).then(() => order.push('validate'));
    await Promise.all([...compiles, validates]);
    expect(order).toEqual(['validate', 'compile', 'compile']);
  });

  it('refuses what comes when too much waits', async () => {
    const { thread } = threadWith({ waiting: 2 });
    const waiting = [thread.run(quick), thread.run(quick)];
    await expect(thread.run(quick)).rejects.toMatchObject({ kind: 'busy' });
    expect(await Promise.all(waiting)).toEqual([fits, fits]);
    expect(await thread.run(quick)).toEqual(fits);
  });

  it('refuses what comes when what waits is too large', async () => {
    const { thread } = threadWith({ waitingChars: 100 });
    const waiting = thread.run(quick);
    await expect(thread.run(validation({}, 'x'.repeat(100)))).rejects.toMatchObject({ kind: 'busy' });
    expect(await waiting).toEqual(fits);
    expect(await thread.run(validation({}, 'x'.repeat(90)))).toEqual(fits);
  });

  it('lets nothing wait too long for its turn', async () => {
    const { clock, thread } = threadWith({ jobMs: 60_000 });
    await thread.run(quick);
    const slow = thread.run(endless);
    const late = thread.run(quick);
    clock.advance(THREAD_LIMITS.waitMs);
    await expect(late).rejects.toMatchObject({ kind: 'busy' });
    const next = thread.run(quick);
    clock.advance(60_000 - THREAD_LIMITS.waitMs);
    await expect(slow).rejects.toMatchObject({ kind: 'too-slow' });
    await expect(next).rejects.toMatchObject({ kind: 'busy' });
  });

  it('refuses everything once it is closed, and leaves no timer', async () => {
    const { clock, thread } = threadWith();
    await thread.run(quick);
    const outcomes = Promise.allSettled([thread.run(endless), thread.run(quick)]);
    await thread.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'closed' } });
    await expect(thread.run(quick)).rejects.toMatchObject({ kind: 'closed' });
    expect(clock.armed).toBe(0);
  });

  it('keeps no process alive that has nothing else to do', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      const source = (name) => name.startsWith('.') ? name.replace(/\\.js$/, '.ts') : name;
      registerHooks({ resolve: (name, from, next) => next(from.parentURL?.endsWith('.ts') ? source(name) : name, from) });
      const { SchemaThread } = await import('./src/structured-output/schema-thread.ts');
      const { systemClock } = await import('./src/core/clock.ts');
      const reply = await new SchemaThread(systemClock).run({ kind: 'compile', text: '{}' });
      console.log(reply.kind);`;
    const flags = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 20_000 });
    expect(stdout).toBe('compiled\n');
  });

  it('gives up what waits when it does not start in time', async () => {
    const { clock, thread } = threadWith();
    const job = thread.run(quick);
    clock.advance(THREAD_LIMITS.startMs);
    await expect(job).rejects.toMatchObject({ kind: expect.stringMatching(/broken|busy/) });
    expect(await eventually(() => thread.run(quick))).toEqual(fits);
  });
});
