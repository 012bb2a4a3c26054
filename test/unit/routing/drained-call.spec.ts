import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Provider } from '../../../src/core/provider.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import { drained } from '../../../src/routing/drained-call.js';
import { attemptFixture } from '../../helpers/attempts.js';
import {
  chunkFixture,
  finishFixture,
  generationOf,
  usageFixture,
  type ScriptStep,
} from '../../helpers/calls.js';

/** A call whose upstream plays the script, and how often it began. */
async function draining(script: readonly ScriptStep[] | GatewayError) {
  let begun = 0;
  const generation = script instanceof GatewayError ? script : generationOf(script);
  const provider = {
    generate: () =>
      generation instanceof GatewayError ? Promise.reject(generation) : Promise.resolve(generation.events),
  } as unknown as Provider;
  const answer = await drained(provider, attemptFixture(), () => (begun += 1));
  return { answer, begun, source: generation instanceof GatewayError ? undefined : generation.source };
}

describe('drained', () => {
  it('reads an answer to its finish and keeps its tokens', async () => {
    const finish = finishFixture({ usage: usageFixture(3, 9) });
    const { answer, begun } = await draining([
      chunkFixture('a', usageFixture(3, 1)),
      chunkFixture('b'),
      finish,
    ]);
    expect(answer).toEqual({ usage: usageFixture(3, 9), began: true, end: { finish } });
    expect(begun).toBe(1);
  });

  it('asks for one event after another, not for all at once', async () => {
    const { source } = await draining([chunkFixture('a'), chunkFixture('b'), finishFixture()]);
    expect(source?.nexts).toBe(3);
  });

  it('tells of a call that was refused', async () => {
    const error = new GatewayError('UPSTREAM_OVERLOADED', 'No.');
    const { answer, begun } = await draining(error);
    expect(answer).toEqual({ usage: NO_USAGE, began: false, end: { error } });
    expect(begun).toBe(0);
  });

  it('tells of an answer that broke off, with the tokens until then or those that the error tells', async () => {
    const error = new GatewayError('UPSTREAM_UNAVAILABLE', 'No.');
    const told = usageFixture(3, 1);
    expect((await draining([chunkFixture('a', told), chunkFixture('b'), error])).answer).toEqual({
      usage: told,
      began: true,
      end: { error },
    });
    const later = error.withUsage(usageFixture(3, 2));
    expect((await draining([chunkFixture('a', told), later])).answer.usage).toEqual(usageFixture(3, 2));
  });

  it('takes an end without a finish for a failure', async () => {
    const { answer } = await draining([chunkFixture('a')]);
    expect(answer.end).toMatchObject({ error: { reason: 'UPSTREAM_PROTOCOL' } });
  });

  it('takes whatever is thrown for a failure', async () => {
    const { answer } = await draining([new TypeError('a mistake')]);
    expect(answer.end).toMatchObject({ error: { reason: 'INTERNAL' } });
  });
});
