import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Coalescer } from '../../../src/cache/coalescer.js';
import { CoalescingConfig } from '../../../src/cache/coalescing.config.js';
import { CallRecord } from '../../../src/core/call-record.js';
import type { Call } from '../../../src/core/call.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../src/core/generation.js';
import {
  callFixture,
  chunkFixture,
  finishFixture,
  generationOf,
  type ScriptedGeneration,
  usageFixture,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const SCRIPT: readonly GenerationEvent[] = [
  chunkFixture('a', usageFixture(3, 1)),
  chunkFixture('b', usageFixture(3, 2)),
  finishFixture({ usage: usageFixture(3, 5) }),
];
const broken = new GatewayError('UPSTREAM_UNAVAILABLE', 'The connection broke.');

/** What may happen next, and to whom. */
type Move = { readonly kind: 'ask' | 'leave' | 'read' | 'answer' | 'fail'; readonly who: number };

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom('ask', 'ask', 'read', 'read', 'read', 'leave', 'answer', 'fail'),
  who: fc.nat(7),
});

interface Upstream {
  readonly call: Call;
  readonly resolve: (generation: Generation) => void;
  readonly reject: (error: Error) => void;
  state: 'asked' | 'answered' | 'failed';
  source?: ScriptedGeneration;
}

interface Caller {
  readonly abort: AbortController;
  events?: AsyncIterator<GenerationEvent, void>;
  readonly seen: GenerationEvent[];
  isReading: boolean;
  hasLeft: boolean;
  isDone: boolean;
  failure?: unknown;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Play {
  readonly clock = new ManualClock();
  readonly coalescer = new Coalescer(
    this.clock,
    Object.assign(new CoalescingConfig(), { maxCallsPerFlight: 4 }),
  );
  readonly upstream: Upstream[] = [];
  readonly callers: Caller[] = [];

  act({ kind, who }: Move): void {
    const caller = this.callers[who % Math.max(1, this.callers.length)];
    const asked = this.upstream.find(({ state }) => state === 'asked');
    switch (kind) {
      case 'ask':
        return this.#ask();
      case 'leave':
        if (caller === undefined) return;
        caller.hasLeft = true;
        return caller.abort.abort();
      case 'read':
        return caller && this.read(caller);
      case 'answer':
        if (asked === undefined) return;
        asked.state = 'answered';
        asked.source = generationOf(SCRIPT, { signal: asked.call.signal });
        return asked.resolve(asked.source);
      case 'fail':
        if (asked === undefined) return;
        asked.state = 'failed';
        return asked.reject(asked.call.signal.aborted ? asked.call.signal.reason : broken);
    }
  }

  read(caller: Caller): void {
    if (caller.events === undefined || caller.isReading) return;
    caller.isReading = true;
    void this.#readOn(caller, caller.events);
  }

  async #readOn(caller: Caller, events: AsyncIterator<GenerationEvent, void>): Promise<void> {
    try {
      const step = await events.next();
      if (step.done === true) caller.isDone = true;
      else caller.seen.push(step.value);
    } catch (thrown) {
      caller.failure = thrown;
    }
    caller.isReading = false;
  }

  #ask(): void {
    const abort = new AbortController();
    const caller: Caller = { abort, seen: [], isReading: false, hasLeft: false, isDone: false };
    this.callers.push(caller);
    const call = callFixture({ signal: abort.signal, record: new CallRecord(0) });
    const start = (copy: Call): Promise<Generation> =>
      new Promise((resolve, reject) => this.upstream.push({ call: copy, resolve, reject, state: 'asked' }));
    this.coalescer.join('key', call, start).then(
      ({ generation }) => (caller.events = generation.events[Symbol.asyncIterator]()),
      (thrown: unknown) => (caller.failure = thrown),
    );
  }
}

async function play(moves: readonly Move[]): Promise<void> {
  const game = new Play();
  for (const next of moves) {
    game.act(next);
    await turn();
    const { callers, upstream } = game;
    for (const { seen, failure, hasLeft } of callers) {
      expect(seen).toEqual(SCRIPT.slice(0, seen.length));
      if (failure !== undefined && !hasLeft) expect(failure).toBe(broken);
    }
    // Whoever still waits has somebody who goes upstream for them.
    const waiting = callers.filter(
      ({ hasLeft, events, failure }) => !hasLeft && !events && failure === undefined,
    );
    const asked = upstream.filter(({ state, call }) => state === 'asked' && !call.signal.aborted);
    expect(asked.length).toBeLessThanOrEqual(waiting.length);
    expect(asked.length * 4).toBeGreaterThanOrEqual(waiting.length);
  }
  while (game.upstream.some(({ state }) => state === 'asked')) {
    game.act({ kind: 'answer', who: 0 });
    await turn();
  }
  for (let round = 0; round < SCRIPT.length + 1; round += 1) {
    for (const caller of game.callers) if (!caller.hasLeft && !caller.isDone) game.read(caller);
    await turn();
  }
  for (const { seen, failure, hasLeft } of game.callers)
    if (!hasLeft) expect(failure ?? seen).toEqual(failure === undefined ? SCRIPT : broken);
  expect(game.coalescer.counts().flights).toBe(0);
  expect(game.clock.armed).toBe(0);
}

describe('whatever callers do, identical calls', () => {
  it('are each answered in full, or fail with the failure of the one that they share, and leave nothing behind', () =>
    fc.assert(fc.asyncProperty(fc.array(move, { maxLength: 40 }), play), {
      numRuns: 500,
      interruptAfterTimeLimit: 15_000,
    }));
});
