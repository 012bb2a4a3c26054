import { beforeEach, describe, expect, it } from '@jest/globals';
import { OutlierEjection } from '../../../src/resilience/outlier-ejection.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const EJECT_MS = 1_000;
let clock: ManualClock;
let ejection: OutlierEjection;
beforeEach(() => {
  clock = new ManualClock();
  const config = new ResilienceConfig();
  Object.assign(config.ejection, { windowCalls: 10, ejectMs: EJECT_MS, maxEjectMs: 2_500 });
  ejection = new OutlierEjection(config, clock);
});

/** Attempts on a project that end so: F fails, s succeeds. */
function play(project: string, ends: string): void {
  for (const end of ends) ejection.observe(project, end === 'F');
}
/** How long a project that is out now stays out. */
function outForMs(project: string): number {
  let forMs = 0;
  while (ejection.has(project)) {
    clock.advance(100);
    forMs += 100;
  }
  return forMs;
}

describe('OutlierEjection', () => {
  it('takes out a project that fails often while the others do not, and no sooner than it can tell', () => {
    play('good', 'ssss');
    play('bad', 'ssssFFFFF');
    expect([ejection.has('bad'), ejection.any]).toEqual([false, false]);
    play('bad', 'F');
    expect([ejection.has('bad'), ejection.has('good'), ejection.any]).toEqual([true, false, true]);
    clock.advance(EJECT_MS - 1);
    expect(ejection.has('bad')).toBe(true);
    clock.advance(1);
    expect([ejection.has('bad'), ejection.any]).toEqual([false, false]);
  });

  it('takes out nobody where all fail alike, nor a project that has no others', () => {
    play('bad', 'FFFFFFFFFFFF');
    expect(ejection.any).toBe(false);
    play('worse', 'FFFFFFFFFFFF');
    expect(ejection.any).toBe(false);
  });

  it('takes out whoever fails twice as often as the others together, not less', () => {
    play('a', 'ssssssFFFF');
    play('b', 'sFsFsFFFFF');
    expect(ejection.has('b')).toBe(false);
    play('a', 'ssssssssss');
    play('b', 'F');
    expect(ejection.has('b')).toBe(true);
  });

  it('judges only the last attempts', () => {
    play('good', 's');
    play('bad', 'FFFFssssssssssFFFF');
    expect(ejection.has('bad')).toBe(false);
    play('bad', 'F');
    expect(ejection.has('bad')).toBe(true);
  });

  it('judges a project afresh afterwards, without what ended while it was out', () => {
    play('good', 's');
    play('bad', 'FFFFFFFFFF');
    play('bad', 'FFFFFFFFFF');
    clock.advance(EJECT_MS);
    play('bad', 'FFFFFFFFF');
    expect(ejection.has('bad')).toBe(false);
    play('bad', 'F');
    expect(ejection.has('bad')).toBe(true);
  });

  it('takes it out for longer each time, up to a bound, and forgives with good time', () => {
    play('good', 's');
    const outAgainForMs = (): number => {
      play('bad', 'FFFFFFFFFF');
      return outForMs('bad');
    };
    expect([outAgainForMs(), outAgainForMs(), outAgainForMs()]).toEqual([1_000, 2_000, 2_500]);
    clock.advance(2_500);
    play('bad', 'FFFFFFFFFF');
    expect(outForMs('bad')).toBe(2_500);
    clock.advance(60_000);
    expect(outAgainForMs()).toBe(1_000);
  });

  it('knows a bounded number of projects', () => {
    play('first', 'FFFFFFFFF');
    for (let index = 0; index < 2_000; index += 1) play(`p-${index}`, 's');
    play('first', 'F');
    expect(ejection.has('first')).toBe(false);
  });
});
