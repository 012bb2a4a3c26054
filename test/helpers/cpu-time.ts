const US_PER_MS = 1_000;

/** Time that this thread has computed for so far: unlike the time on the wall, it does not grow while others compute. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / US_PER_MS;
}
