import { beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { CircuitBreaker, type Ticket } from '../../../src/resilience/circuit-breaker.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const OPTIONS = { consecutiveFailures: 3, failureShare: 0.5, windowCalls: 10, openMs: 100, maxOpenMs: 350 };

let clock: ManualClock;
let breaker: CircuitBreaker;
beforeEach(() => {
  clock = new ManualClock();
  breaker = new CircuitBreaker(OPTIONS, () => clock.monotonicMs());
});

/** The leave that there must be. */
function leave(): Ticket {
  const admission = breaker.admit();
  if (!('ticket' in admission)) throw new Error(`refused until ${admission.notBeforeMs}`);
  return admission.ticket;
}
const notBefore = (): number | undefined => {
  const admission = breaker.admit();
  return 'notBeforeMs' in admission ? admission.notBeforeMs : undefined;
};
/** Attempts that end so: F fails, s succeeds, a is abandoned. */
function play(outcomes: string): void {
  for (const outcome of outcomes) {
    if (outcome === 'F') leave().failed();
    else if (outcome === 's') leave().succeeded();
    else leave().abandoned();
  }
}
/** Attempts that are turned away. */
function overload(times: number): void {
  for (let attempt = 0; attempt < times; attempt += 1) leave().overloaded();
}
/** Answers that begin and do not end. */
function breakOff(times: number): void {
  for (let stream = 0; stream < times; stream += 1) {
    const ticket = leave();
    ticket.began();
    ticket.failed();
  }
}

describe('CircuitBreaker', () => {
  it('opens at so many failures in a row, and not before', () => {
    play('FFsFF');
    expect(breaker.state).toBe('closed');
    play('F');
    expect(breaker.state).toBe('open');
    expect(notBefore()).toBe(100);
  });

  it('opens at as many overloads in a row while one call at a time is made', () => {
    overload(2);
    play('s');
    overload(2);
    expect(breaker.state).toBe('closed');
    overload(1);
    expect(breaker.state).toBe('open');
  });

  it('stays closed for a target that answers one of three calls, however many it turns away', () => {
    for (let round = 0; round < 200; round += 1) {
      const tickets = Array.from({ length: 30 }, leave);
      for (const [index, ticket] of tickets.entries()) {
        if (index % 3 === round % 3) ticket.succeeded();
        else ticket.overloaded();
      }
    }
    expect(breaker.state).toBe('closed');
  });

  it('opens when four times the calls under way were turned away and none was answered', () => {
    const others = Array.from({ length: 5 }, leave);
    for (const stream of Array.from({ length: 50 }, leave)) stream.began();
    overload(19);
    expect(breaker.state).toBe('closed');
    overload(1);
    expect(breaker.state).toBe('open');
    for (const other of others) other.abandoned();
  });

  it('opens again when its probe is turned away, and knows no overload of before', () => {
    play('FFF');
    clock.advance(100);
    overload(1);
    expect(notBefore()).toBe(300);
    clock.advance(200);
    play('s');
    overload(2);
    expect(breaker.state).toBe('closed');
  });

  it('opens above the share of failures among the last calls, once there are so many', () => {
    play('FFsFFsFFs');
    expect(breaker.state).toBe('closed');
    play('F');
    expect(breaker.state).toBe('open');
  });

  it('does not open at just the share, and forgets what left the window', () => {
    play('FsFsFsFsFs');
    expect(breaker.state).toBe('closed');
    play('ssssssFFsFFs');
    expect(breaker.state).toBe('closed');
  });

  it('counts what is abandoned for nothing', () => {
    play('FFaaaaaaaaaaaa');
    expect(breaker.state).toBe('closed');
    play('F');
    expect(breaker.state).toBe('open');
  });

  it('lets one probe through at a time', () => {
    play('FFF');
    clock.advance(99);
    expect(notBefore()).toBe(100);
    clock.advance(1);
    expect(breaker.state).toBe('half-open');
    leave();
    expect(notBefore()).toBe(200);
    clock.advance(10_000);
    expect(notBefore()).toBe(10_200);
  });

  it('closes with a good probe, and then starts anew', () => {
    play('FFF');
    clock.advance(100);
    play('s');
    expect(breaker.state).toBe('closed');
    play('FF');
    expect(breaker.state).toBe('closed');
    play('F');
    expect(notBefore()).toBe(200);
  });

  it('stays open longer after each bad probe, up to a bound', () => {
    play('FFF');
    for (const openMs of [100, 200, 350, 350]) {
      expect(notBefore()).toBe(clock.monotonicMs() + openMs);
      clock.advance(openMs);
      play('F');
    }
  });

  it('frees the place of a probe that is abandoned', () => {
    play('FFF');
    clock.advance(100);
    play('a');
    expect(breaker.state).toBe('half-open');
    play('s');
    expect(breaker.state).toBe('closed');
  });

  it('does not listen to attempts that began before it opened', () => {
    const [good, bad, left] = [leave(), leave(), leave()];
    play('FFF');
    good.succeeded();
    expect(breaker.state).toBe('open');
    clock.advance(100);
    bad.failed();
    expect(breaker.state).toBe('half-open');
    const probe = leave();
    left.abandoned();
    expect(notBefore()).toBeDefined();
    probe.succeeded();
    const late = leave();
    play('FFF');
    clock.advance(100);
    play('s');
    play('FF');
    late.failed();
    expect(breaker.state).toBe('closed');
  });

  it('holds no old failures against a target after an idle hour', () => {
    play('FFs');
    clock.advance(3_600_000);
    play('FFs');
    expect(breaker.state).toBe('closed');
  });

  it('does not care for the time of day', () => {
    play('FFF');
    clock.setWall(0);
    clock.advance(100);
    expect(breaker.state).toBe('half-open');
  });

  it('opens where answers begin and then break off', () => {
    breakOff(2);
    expect(breaker.state).toBe('closed');
    breakOff(1);
    expect(breaker.state).toBe('open');
  });

  it('opens where nothing begins any more, however many old answers end well', () => {
    const streams = [leave(), leave(), leave()];
    for (const stream of streams) stream.began();
    for (const stream of streams) {
      play('F');
      stream.succeeded();
    }
    expect(breaker.state).toBe('open');
  });

  it('takes the beginning of an answer for a success, of a probe as well', () => {
    play('FF');
    leave().began();
    play('FFF');
    clock.advance(100);
    const probe = leave();
    probe.began();
    expect(breaker.state).toBe('closed');
    probe.failed();
    expect(breaker.state).toBe('closed');
    breakOff(1);
    expect(breaker.state).toBe('closed');
    breakOff(1);
    expect(breaker.state).toBe('open');
  });

  it('opens again with a bad probe, whatever it opened for', () => {
    breakOff(3);
    clock.advance(100);
    play('F');
    expect(notBefore()).toBe(300);
  });

  it('holds no broken streams of before against a target that is well again', () => {
    breakOff(2);
    play('FFF');
    clock.advance(100);
    play('s');
    breakOff(2);
    expect(breaker.state).toBe('closed');
  });

  it('never has two probes, and is never closed to all once its time is up', () => {
    const step = fc.oneof(
      fc.constant('admit' as const),
      fc.record({ settle: fc.nat(), how: fc.constantFrom('succeeded', 'failed', 'abandoned') }),
      fc.record({ advanceMs: fc.integer({ min: 1, max: 200 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const time = new ManualClock();
        const model = new CircuitBreaker(OPTIONS, () => time.monotonicMs());
        const open: { ticket: Ticket; probe: boolean }[] = [];
        for (const one of steps) {
          if (one === 'admit') {
            const before = model.state;
            const admission = model.admit();
            const probing = before === 'half-open' && open.some(({ probe }) => probe);
            expect('ticket' in admission).toBe(before === 'closed' || (before === 'half-open' && !probing));
            if ('ticket' in admission) open.push({ ticket: admission.ticket, probe: before === 'half-open' });
            else expect(admission.notBeforeMs).toBeGreaterThan(time.monotonicMs());
          } else if ('advanceMs' in one) time.advance(one.advanceMs);
          else {
            const [settled] = open.splice(one.settle % (open.length || 1), 1);
            const before = model.state;
            settled?.ticket[one.how as 'succeeded']();
            if (settled?.probe === true) {
              const after = { succeeded: 'closed', failed: 'open', abandoned: 'half-open' }[one.how];
              expect([before, model.state]).toEqual(['half-open', after]);
            } else if (before !== 'closed') expect(model.state).toBe(before);
          }
        }
        time.advance(OPTIONS.maxOpenMs);
        for (const { ticket } of open) ticket.abandoned();
        expect('ticket' in model.admit()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
