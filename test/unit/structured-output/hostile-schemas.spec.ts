import { afterAll, describe, expect, it } from '@jest/globals';
import { systemClock, type Clock } from '../../../src/core/clock.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { SchemaCompiler } from '../../../src/structured-output/schema-compiler.js';
import { THREAD_LIMITS } from '../../../src/structured-output/schema-thread.js';
import { HOSTILE_INPUTS, type HostileInput } from '../../helpers/hostile-schemas.js';

/** The time limit of a job comes soon, for those inputs that go to it. */
const hurried: Clock = {
  ...systemClock,
  after: (delayMs, fire) => systemClock.after(delayMs === THREAD_LIMITS.jobMs ? 500 : delayMs, fire),
};
const compiler = new SchemaCompiler(hurried);
afterAll(() => compiler.onApplicationShutdown());

/** What came of an input, and how often the event loop turned meanwhile. */
async function outcomeOf({ schema, document }: HostileInput): Promise<{ outcome: string; turns: number }> {
  let turns = 0;
  const heart = setInterval(() => (turns += 1), 1);
  try {
    const compiled = await compiler.compile(schema);
    if (document === undefined) return { outcome: 'compiled', turns };
    const { valid } = await compiled.validate(document);
    return { outcome: valid ? 'valid' : 'not valid', turns };
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    return { outcome: thrown.reason, turns };
  } finally {
    clearInterval(heart);
  }
}

describe('a hundred hostile schemas, patterns and documents', () => {
  it('are a hundred', () => {
    expect(HOSTILE_INPUTS.length).toBeGreaterThanOrEqual(100);
  });

  it('each come to a typed end, the event loop turning, and do no harm to what comes after', async () => {
    const seen = new Map<string, number>();
    let allTurns = 0;
    for (const input of HOSTILE_INPUTS) {
      const { outcome, turns } = await outcomeOf(input);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      // What went to its time limit had the thread for itself, and the event loop went on.
      if (outcome === 'SCHEMA_MISMATCH') expect(turns).toBeGreaterThan(1);
      allTurns += turns;
    }
    const typed = ['compiled', 'valid', 'not valid', 'INVALID_REQUEST', 'SCHEMA_MISMATCH'];
    expect(typed).toEqual(expect.arrayContaining([...seen.keys()]));
    expect(allTurns).toBeGreaterThan(HOSTILE_INPUTS.length);
    expect(seen.get('SCHEMA_MISMATCH')).toBeGreaterThan(0);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const { outcome } = await outcomeOf({ name: 'sound', schema: { type: 'string' }, document: 'fits' });
    expect(outcome).toBe('valid');
  }, 120_000);

  it('are each refused again at once where they were refused', async () => {
    for (const { schema } of HOSTILE_INPUTS.slice(0, 3))
      await expect(compiler.compile(schema)).rejects.toMatchObject({ reason: 'INVALID_REQUEST' });
  });
});
