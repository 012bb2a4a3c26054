import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../helpers/manual-clock.js';

describe('ManualClock', () => {
  it('fires due timers by time and then by order of arming, each at its own time', () => {
    const clock = new ManualClock(0);
    const fired: string[] = [];
    clock.after(20, () => fired.push(`late ${clock.monotonicMs()}`));
    clock.after(10, () => {
      fired.push(`early ${clock.monotonicMs()}`);
      clock.after(5, () => fired.push(`nested ${clock.wallMs()}`));
    });
    clock.after(10, () => fired.push('early too'));
    clock.after(21, () => fired.push('never'));
    clock.advance(20);
    expect(fired).toEqual(['early 10', 'early too', 'nested 15', 'late 20']);
    expect(clock.armed).toBe(1);
  });

  it('does not fire a cleared timer, and clearing after firing is safe', () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    clock.after(1, () => fired.push(1)).clear();
    const timer = clock.after(2, () => fired.push(2));
    clock.advance(5);
    timer.clear();
    expect(fired).toEqual([2]);
    expect(clock.armed).toBe(0);
  });

  it('lets wall time jump without touching monotonic time or timers', () => {
    const clock = new ManualClock(1_000);
    clock.after(10, () => undefined);
    clock.setWall(500);
    expect([clock.wallMs(), clock.monotonicMs(), clock.armed]).toEqual([500, 0, 1]);
    clock.advance(10);
    expect([clock.wallMs(), clock.monotonicMs(), clock.armed]).toEqual([510, 10, 0]);
  });
});
