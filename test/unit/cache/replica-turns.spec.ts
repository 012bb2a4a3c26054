import { beforeEach, describe, expect, it } from '@jest/globals';
import { type FlightLock, NO_FLIGHT_LOCK } from '../../../src/cache/flight-lock.port.js';
import type { Call } from '../../../src/core/call.js';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { ReplicaTurns, type Turned } from '../../../src/cache/replica-turns.js';
import { cachedTask, cacheUnderTest } from '../../helpers/cache.js';
import {
  callFixture,
  chunkFixture,
  configFixture,
  finishFixture,
  generationOf,
  HANG,
  type ScriptStep,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

/** A lock within one process, as replicas see theirs. */
class LocalLock implements FlightLock {
  readonly held = new Set<string>();
  asked = 0;

  async take(key: string) {
    this.asked += 1;
    if (this.held.has(key)) return 'held' as const;
    this.held.add(key);
    return { release: async () => void this.held.delete(key) };
  }
}

let clock: ManualClock;
let lock: LocalLock;
let turns: ReplicaTurns;
let stored: string | undefined;
let abort: AbortController;

beforeEach(() => {
  clock = new ManualClock();
  lock = new LocalLock();
  turns = new ReplicaTurns(lock, clock);
  stored = undefined;
  abort = new AbortController();
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const take = (by = turns): Promise<Turned<string>> =>
  by.take('question', { waitMs: 1_000, signal: abort.signal }, async () => stored);

/** Moves the time on in small steps, so that everything in between happens. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10);
    await settle();
  }
}

describe('the turn of a replica', () => {
  const sections = cachedTask({ replicaWaitMs: 1_000 });
  const call = (overrides: Partial<Call> = {}): Call => {
    const { model: _, ...fixture } = callFixture({ config: configFixture(...sections), task: 'cached' });
    return { ...fixture, ...overrides };
  };

  it.each<[string, readonly ScriptStep[]]>([
    ['is stored', [chunkFixture('a'), finishFixture()]],
    ['is none to store', [chunkFixture('a'), finishFixture({ verdict: 'truncated' })]],
    ['broke off', [chunkFixture('a'), new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.')]],
  ])('is over when the answer %s, and not before', async (_, script) => {
    const { policy } = cacheUnderTest(clock, { lock });
    const generation = await policy.apply(call(), async () => generationOf(script));
    expect(lock.held.size).toBe(1);
    await collect(generation).catch(() => undefined);
    await settle();
    expect(lock.held.size).toBe(0);
  });

  it('is over when there is no answer, or nobody wants it any more', async () => {
    const { policy } = cacheUnderTest(clock, { lock });
    const broken = new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.');
    await expect(policy.apply(call(), () => Promise.reject(broken))).rejects.toBe(broken);
    expect(lock.held.size).toBe(0);
    const left = await policy.apply(call(), async () => generationOf([chunkFixture('a'), HANG]));
    await left.events[Symbol.asyncIterator]().return?.();
    await settle();
    expect(lock.held.size).toBe(0);
  });

  it('is not waited for by who wants a new answer', async () => {
    const { policy } = cacheUnderTest(clock, { lock });
    const next = async () => generationOf([chunkFixture('a'), finishFixture()]);
    await policy.apply(call({ cache: { forceRefresh: true } }), next);
    expect(lock.asked).toBe(0);
  });
});

describe('replicas with the same question', () => {
  it('let the first go upstream, and the others have what it stores', async () => {
    const first = await take();
    const second = take();
    await pass(100);
    stored = 'the answer';
    if (!('turn' in first)) throw new Error('there was nothing to find');
    first.turn.release();
    await pass(250);
    expect(await second).toEqual({ found: 'the answer' });
    expect(lock.held.size).toBe(0);
    expect(turns.counts()).toEqual({ spared: 1, inVain: 0 });
    expect(clock.armed).toBe(0);
  });

  it('look once more when it is their turn: the answer may have been stored since', async () => {
    stored = 'the answer';
    expect(await take()).toEqual({ found: 'the answer' });
    expect(lock.held.size).toBe(0);
  });

  it('let the next go upstream when the first came to nothing', async () => {
    const first = await take();
    const second = take();
    await pass(50);
    if ('turn' in first) first.turn.release();
    await pass(250);
    expect(await second).toHaveProperty('turn');
    expect(lock.held.size).toBe(1);
  });

  it('do not wait for longer than they are told, nor ask all the time', async () => {
    await take();
    const second = take();
    let isOver = false;
    void second.then(() => (isOver = true));
    await pass(990);
    expect(isOver).toBe(false);
    await pass(20);
    const waited = await second;
    if ('turn' in waited) waited.turn.release();
    expect(lock.held.size).toBe(1);
    expect(turns.counts()).toEqual({ spared: 0, inVain: 1 });
    expect(lock.asked).toBeLessThan(12);
  });

  it('stop waiting when nobody wants the answer any more', async () => {
    await take();
    const second = take();
    await settle();
    abort.abort();
    expect(await second).toHaveProperty('turn');
    expect(clock.armed).toBe(0);
  });

  it('all go upstream where nobody can tell who is first', async () => {
    const lockless = new ReplicaTurns(NO_FLIGHT_LOCK, clock);
    for (const turned of await Promise.all([take(lockless), take(lockless)])) {
      if (!('turn' in turned)) throw new Error('there was nothing to find');
      turned.turn.release();
    }
  });
});
