import type { Clock } from '../core/clock.js';

/** Waits so long, or until the signal aborts, whichever comes first. Resolves in either case. */
export function pause(delayMs: number, signal: AbortSignal, clock: Clock): Promise<void> {
  if (signal.aborted || delayMs <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.clear();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal.addEventListener('abort', done);
  });
}
