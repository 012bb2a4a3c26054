import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { Watchdog } from '../../../../src/providers/http/watchdog.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const TIMEOUTS = { firstEventMs: 100, idleGapMs: 50, totalMs: 1_000 };

function watch(timeouts = TIMEOUTS) {
  const clock = new ManualClock();
  const caller = new AbortController();
  return { clock, caller, watchdog: new Watchdog(caller.signal, timeouts, clock) };
}

const broken = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

describe('Watchdog', () => {
  it('gives the first event its time, and aborts when none came', () => {
    const { clock, watchdog } = watch();
    clock.advance(99);
    expect(watchdog.signal.aborted).toBe(false);
    clock.advance(1);
    expect(watchdog.signal.aborted).toBe(true);
    expect(watchdog.explain(broken)).toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { timeout: 'first_event' },
    });
  });

  it('aborts when nothing came for the idle gap after an event', () => {
    const { clock, watchdog } = watch();
    clock.advance(80);
    watchdog.progress();
    clock.advance(49);
    expect(watchdog.signal.aborted).toBe(false);
    clock.advance(1);
    expect(watchdog.signal.aborted).toBe(true);
    expect(watchdog.explain(broken)).toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { timeout: 'idle_gap' },
    });
  });

  it('lets a stream go on for as long as events come, with one timer in all', () => {
    const { clock, watchdog } = watch();
    for (let at = 0; at < 20; at += 1) {
      clock.advance(40);
      watchdog.progress();
      expect(clock.armed).toBe(1);
    }
    expect(watchdog.signal.aborted).toBe(false);
  });

  it('ends a stream that has taken its total, however lively', () => {
    const { clock, watchdog } = watch();
    for (let at = 0; at < 33; at += 1) {
      clock.advance(30);
      watchdog.progress();
    }
    expect(watchdog.signal.aborted).toBe(false);
    clock.advance(10);
    expect(watchdog.explain(broken)).toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      metadata: { timeout: 'total' },
    });
  });

  it('counts the total from the start also before the first event', () => {
    const { clock, watchdog } = watch({ ...TIMEOUTS, totalMs: 60 });
    clock.advance(60);
    expect(watchdog.explain(broken)).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
  });

  it('aborts with its caller and says that the caller left', () => {
    const { caller, clock, watchdog } = watch();
    caller.abort();
    expect(watchdog.signal.aborted).toBe(true);
    expect(watchdog.explain(broken)).toMatchObject({ reason: 'CANCELLED' });
    watchdog.cancel();
    expect(clock.armed).toBe(0);
  });

  it('tells the reason that the caller was cut for', () => {
    const { caller, watchdog } = watch();
    const reason = new GatewayError('CANCELLED', 'The gateway is shutting down.');
    caller.abort(reason);
    expect(watchdog.signal.reason).toBe(reason);
    expect(watchdog.explain(broken)).toBe(reason);
  });

  it('prefers the caller’s leaving to a bound that was passed as well', () => {
    const { caller, clock, watchdog } = watch();
    clock.advance(100);
    caller.abort();
    expect(watchdog.explain(broken)).toMatchObject({ reason: 'CANCELLED' });
  });

  it('is aborted from the start for a caller who left before', () => {
    const caller = new AbortController();
    caller.abort();
    const watchdog = new Watchdog(caller.signal, TIMEOUTS, new ManualClock());
    expect(watchdog.signal.aborted).toBe(true);
    watchdog.cancel();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('explains a broken transport as such while nobody aborted', () => {
    const { watchdog } = watch();
    expect(watchdog.explain(broken)).toMatchObject({
      reason: 'UPSTREAM_UNAVAILABLE',
      metadata: { upstreamReason: 'ECONNRESET' },
    });
    const error = new GatewayError('UPSTREAM_PROTOCOL', 'No answer.');
    expect(watchdog.explain(error)).toBe(error);
  });

  it('leaves no listener and no timer behind after a thousand calls on one signal', () => {
    const caller = new AbortController();
    const clock = new ManualClock();
    for (let at = 0; at < 1_000; at += 1) {
      const watchdog = new Watchdog(caller.signal, TIMEOUTS, clock);
      watchdog.progress();
      if (at % 2 === 0) watchdog.done();
      else watchdog.cancel();
    }
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    expect(clock.armed).toBe(0);
  });

  it('does not abort what was done, whatever happens afterwards', () => {
    const { caller, clock, watchdog } = watch();
    watchdog.done();
    clock.advance(10_000);
    caller.abort();
    expect(watchdog.signal.aborted).toBe(false);
  });

  it('aborts when it is cancelled, also more than once and after the end', () => {
    const { clock, watchdog } = watch();
    watchdog.done();
    watchdog.cancel();
    watchdog.cancel();
    expect(watchdog.signal.aborted).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('keeps no timer armed after it re-armed and was done', () => {
    const { clock, watchdog } = watch();
    watchdog.progress();
    clock.advance(40);
    watchdog.progress();
    clock.advance(40);
    watchdog.done();
    expect(clock.armed).toBe(0);
  });
});
