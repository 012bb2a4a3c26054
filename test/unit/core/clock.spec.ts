import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/core/clock.js';

describe('systemClock', () => {
  it('tells wall time since the epoch and monotonic time that does not go back', () => {
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1_000);
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });

  it('fires armed timers and no cleared ones', async () => {
    const fired: string[] = [];
    systemClock.after(0, () => fired.push('cleared')).clear();
    await new Promise<void>((resolve) => {
      systemClock.after(1, resolve);
    });
    expect(fired).toEqual([]);
  });

  it('does not keep the process alive', () => {
    const before = process.getActiveResourcesInfo();
    const timer = systemClock.after(3_600_000, () => undefined);
    expect(process.getActiveResourcesInfo()).toEqual(before);
    timer.clear();
  });
});
