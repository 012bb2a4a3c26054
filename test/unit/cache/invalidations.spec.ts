import { describe, expect, it } from '@jest/globals';
import { CacheStats } from '../../../src/cache/cache-stats.js';
import type { CacheFilter, InvalidationLog } from '../../../src/cache/invalidation-log.port.js';
import { Invalidations } from '../../../src/cache/invalidations.js';
import { MemoryInvalidationLog } from '../../../src/storage/memory/memory-invalidation-log.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { storedAnswer } from './stored-answers.js';

const POLL_MS = 400;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A log that can be out of reach or lost. */
class FaultyLog implements InvalidationLog {
  away = false;
  looks = 0;
  inner = new MemoryInvalidationLog();
  /** What readers wait for, after they have read. */
  held: Promise<void> = Promise.resolve();

  state() {
    this.looks += 1;
    return this.away ? Promise.reject(new Error('away')) : this.inner.state();
  }
  async read() {
    if (this.away) throw new Error('away');
    const { held } = this;
    const entries = await this.inner.read();
    await held;
    return entries;
  }
  add(filter: CacheFilter) {
    return this.away ? Promise.reject(new Error('away')) : this.inner.add(filter);
  }
}

function setUp() {
  const clock = new ManualClock();
  const log = new FaultyLog();
  const stats = new CacheStats();
  const replica = () => new Invalidations({ log, clock, pollMs: POLL_MS, stats });
  const later = async () => {
    clock.advance(POLL_MS);
    await turn();
  };
  return { clock, log, stats, replica, later };
}

const answerOf = async (replica: Invalidations) =>
  storedAnswer({ ...(await replica.stamp()), labels: { tenant: 't', task: 'x' } });

describe('Invalidations', () => {
  it('look at nothing before the first call', async () => {
    const { log, replica, later } = setUp();
    replica();
    await later();
    expect(log.looks).toBe(0);
  });

  it('heard of by one are heard of by the others at their next look, for what was stored before', async () => {
    const { replica, later } = setUp();
    const [one, other] = [replica(), replica()];
    const [before, near] = [await answerOf(other), await answerOf(one)];
    await one.add({ task: 'x' });
    expect([one.allows('k', near), other.allows('k', before)]).toEqual([false, true]);
    const meanwhile = await answerOf(other);
    await later();
    expect([other.allows('k', before), other.allows('k', meanwhile)]).toEqual([false, false]);
    expect(other.allows('k', await answerOf(other))).toBe(true);
  });

  it('leave what they do not name', async () => {
    const { replica } = setUp();
    const one = replica();
    const answer = await answerOf(one);
    await one.add({ task: 'y' });
    await one.add({ task: 'x', tenant: 'u' });
    expect(one.allows('k', answer)).toBe(true);
    await one.add({ key: 'k' });
    expect([one.allows('k', answer), one.allows('l', answer)]).toEqual([false, true]);
  });

  it('that were lost take with them whatever was stored', async () => {
    const { log, replica, later } = setUp();
    const one = replica();
    const answer = await answerOf(one);
    log.inner = new MemoryInvalidationLog();
    await later();
    expect(one.allows('k', answer)).toBe(false);
    expect(one.allows('k', await answerOf(one))).toBe(true);
  });

  it('go on to count while the log is away, which is counted, and are looked for again', async () => {
    const { log, stats, replica, later } = setUp();
    const one = replica();
    const answer = await answerOf(one);
    log.away = true;
    await later();
    await later();
    expect([one.allows('k', answer), stats.troubles.get('log_failed')]).toEqual([true, 2]);
    log.away = false;
    await log.add({ task: 'x' });
    await later();
    expect(one.allows('k', answer)).toBe(false);
  });

  it('are not forgotten again by a look that began before', async () => {
    const { log, replica, later } = setUp();
    const one = replica();
    const answer = await answerOf(one);
    await log.add({ task: 'y' });
    const gate = Promise.withResolvers<void>();
    log.held = gate.promise;
    await later();
    log.held = Promise.resolve();
    await one.add({ task: 'x' });
    gate.resolve();
    await turn();
    expect(one.allows('k', answer)).toBe(false);
  });

  it('reject where others could not be told', async () => {
    const { log, replica } = setUp();
    const one = replica();
    log.away = true;
    await expect(one.add({ task: 'x' })).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
  });

  it('end with the gateway', async () => {
    const { log, clock, replica, later } = setUp();
    const one = replica();
    await one.stamp();
    one.close();
    await later();
    expect([log.looks, clock.armed]).toEqual([1, 0]);
  });
});
