import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { chunkFixture, finishFixture, generationOf } from '../../helpers/calls.js';
import { error, good, OVERLOADED, quotaOfMinute, RingUnderTest } from './ring-fixture.js';

const broken = (failure = OVERLOADED) => generationOf([chunkFixture('Hel'), failure]);
const STREAM = { stream: true };

/** Streams that break off, each asked for more after its end. */
async function breakOff(under: RingUnderTest, times: number, failure = OVERLOADED): Promise<void> {
  for (let stream = 0; stream < times; stream += 1) {
    const generation = await under.run([under.candidate('a/m', broken(failure))], STREAM);
    const events = generation.events[Symbol.asyncIterator]();
    expect(await events.next()).toMatchObject({ done: false });
    await expect(events.next()).rejects.toBe(failure);
    expect(await events.next()).toMatchObject({ done: true });
    await events.return?.();
  }
}
const asked = async (under: RingUnderTest): Promise<unknown> => {
  under.attempts.length = 0;
  await under.run([under.candidate('a/m')]).catch(() => undefined);
  return under.attempts.length > 0;
};

describe('AttemptRing, streams', () => {
  it('passes all events on, and retries nothing after the first', async () => {
    const under = new RingUnderTest();
    const whole = await under.run([under.candidate('a/m', good())], STREAM);
    expect((await collect(whole)).chunks).toHaveLength(1);
    await breakOff(under, 1);
    expect(under.attempts).toEqual(['a/m#1', 'a/m#1']);
  });

  it('counts each stream that breaks off against its target, once', async () => {
    const under = new RingUnderTest();
    await breakOff(under, 4);
    expect(await asked(under)).toBe(true);
    await breakOff(under, 1);
    expect(await asked(under)).toBe(false);
  });

  it('does not count what is no fault of the target', async () => {
    const under = new RingUnderTest();
    await breakOff(under, 20, error('DEADLINE_EXCEEDED'));
    await breakOff(under, 20, error('EMPTY_RESPONSE'));
    for (let stream = 0; stream < 20; stream += 1) {
      const left = await under.run([under.candidate('a/m', good())], STREAM);
      await left.events[Symbol.asyncIterator]().return?.();
    }
    expect(await asked(under)).toBe(true);
  });

  it('counts streams that end well for their target', async () => {
    const under = new RingUnderTest();
    await breakOff(under, 4);
    await collect(await under.run([under.candidate('a/m', good())], STREAM));
    await breakOff(under, 4);
    expect(await asked(under)).toBe(true);
  });

  it('rests a target whose quota ends in the middle of a stream', async () => {
    const under = new RingUnderTest();
    await breakOff(under, 1, quotaOfMinute(70_000));
    const run = under.run([under.candidate('a/m')]);
    await expect(run).rejects.toMatchObject({ reason: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 70_000 });
  });

  it('frees a probe’s place when the answer begins', async () => {
    const under = new RingUnderTest();
    await breakOff(under, 5);
    under.clock.advance(5_000);
    const endless = generationOf([chunkFixture('Hel'), chunkFixture('lo'), finishFixture()]);
    await under.run([under.candidate('a/m', endless)], STREAM);
    expect(await asked(under)).toBe(true);
  });
});
