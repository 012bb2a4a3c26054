import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { pause } from '../../../src/resilience/pause.js';
import { ManualClock } from '../../helpers/manual-clock.js';

/** A pause, and whether it is over. */
function paused(delayMs: number, controller = new AbortController()) {
  const clock = new ManualClock();
  const state = { over: false };
  const done = pause(delayMs, controller.signal, clock).then(() => (state.over = true));
  return { clock, controller, state, done };
}

describe('pause', () => {
  it('lasts so long, and leaves neither timer nor listener', async () => {
    const { clock, controller, state, done } = paused(100);
    clock.advance(99);
    await Promise.resolve();
    expect(state.over).toBe(false);
    clock.advance(1);
    await done;
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('ends when the signal aborts, and leaves neither timer nor listener', async () => {
    const { clock, controller, done } = paused(100);
    controller.abort();
    await done;
    expect(clock.armed).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('does not begin once the signal aborted, nor for no time at all', async () => {
    const controller = new AbortController();
    for (const delayMs of [0, -1]) expect(paused(delayMs, controller).clock.armed).toBe(0);
    controller.abort();
    expect(paused(100, controller).clock.armed).toBe(0);
  });
});
