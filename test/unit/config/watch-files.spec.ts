import { rename } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { watchFiles } from '../../../src/config/watch-files.js';
import type { Timer } from '../../../src/core/clock.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { ConfigDirectory } from './config-directory.js';

/** A clock that counts the timers that were ever armed. */
class CountingClock extends ManualClock {
  armings = 0;

  override after(delayMs: number, fire: () => void): Timer {
    this.armings += 1;
    return super.after(delayMs, fire);
  }

  /** Waits until the next timer is armed; the test's own timeout bounds it. */
  async next(act: () => Promise<unknown>): Promise<void> {
    const before = this.armings;
    await act();
    while (this.armings === before) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function refuse(error: Error): never {
  throw error;
}

describe('watchFiles', () => {
  it('takes many writes in a row as one change', async () => {
    await using directory = await ConfigDirectory.with({ 'a.yaml': '' });
    const clock = new CountingClock();
    let changes = 0;
    const watch = watchFiles([`${directory.path}/a.yaml`], clock, () => (changes += 1), refuse);
    await clock.next(() => directory.write('a.yaml', '1'));
    await clock.next(() => directory.write('a.yaml', '2'));
    expect(clock.armed).toBe(1);
    expect(changes).toBe(0);
    clock.advance(100);
    expect(changes).toBe(1);
    watch.close();
  });

  it('does not care for other files in the directory', async () => {
    await using directory = await ConfigDirectory.with({ 'a.yaml': '', 'b.yaml': '' });
    const clock = new CountingClock();
    const watch = watchFiles([`${directory.path}/a.yaml`], clock, () => undefined, refuse);
    // Events of one directory come in order: those of the other file are over when the one waited for comes.
    await Promise.all([1, 2, 3, 4, 5].map((n) => directory.write('b.yaml', String(n))));
    await clock.next(() => rename(`${directory.path}/b.yaml`, `${directory.path}/a.yaml`));
    watch.close();
    expect(clock.armings).toBe(1);
  });
});
