const POLL_MS = 5;
const LONGEST_MS = 5_000;

/**
 * Asks again and again until the check gives something other than undefined, null or false, and gives that.
 * Rejects after `longestMs`, naming what was waited for.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  what = 'the condition',
  longestMs = LONGEST_MS,
): Promise<Exclude<T, undefined | null | false>> {
  const giveUpMs = performance.now() + longestMs;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== null && found !== false)
      return found as Exclude<T, undefined | null | false>;
    if (performance.now() > giveUpMs) throw new Error(`${what} did not come about within ${longestMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
