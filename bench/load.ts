import { openLine, type Addresses, type Line, type Shot } from './lines.ts';

/** What a run of calls took. */
export interface Measured {
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long a call takes, in milliseconds, by one's own idea of its end. */
type Timed = (line: Line, startedMs: number) => Promise<number>;

/** To the whole answer. */
export const whole: Timed = async (line, startedMs) => {
  for await (const _ of line.fire());
  return performance.now() - startedMs;
};

/** To the first piece of a streamed answer, which is then read to its end. */
export const firstEvent: Timed = async (line, startedMs) => {
  let firstMs: number | undefined;
  for await (const _ of line.fire()) firstMs ??= performance.now() - startedMs;
  return firstMs ?? performance.now() - startedMs;
};

/** So many callers, each with the next call as soon as the last is over. Throws at an answer that is none. */
export async function closedLoop(
  addresses: Addresses,
  shot: Shot,
  timed: Timed,
  { concurrency, seconds }: { concurrency: number; seconds: number },
): Promise<Measured> {
  const line = openLine(addresses, shot, concurrency);
  const latencies: number[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) latencies.push(await timed(line, performance.now()));
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const took = (performance.now() - startedMs) / 1000;
  await line.close();
  return { calls: latencies.length, seconds: took, ...percentiles(latencies) };
}

/**
 * Calls at a fixed rate, whether the earlier ones are over or not. Latency counts from the moment at which the call
 * was due, so that a server that falls behind cannot hide it.
 */
export async function openLoop(
  addresses: Addresses,
  shot: Shot,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Measured> {
  const line = openLine(addresses, shot, 128);
  const latencies: number[] = [];
  const pending: Promise<void>[] = [];
  const total = Math.round(perSecond * seconds);
  const startedMs = performance.now();
  for (let due = 0; due < total;) {
    const elapsedMs = performance.now() - startedMs;
    for (; due < total && (due * 1000) / perSecond <= elapsedMs; due += 1) {
      const dueMs = startedMs + (due * 1000) / perSecond;
      pending.push(whole(line, dueMs).then((latencyMs) => void latencies.push(latencyMs)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  await line.close();
  return { calls: total, seconds: (performance.now() - startedMs) / 1000, ...percentiles(latencies) };
}

/** How many of so many streams, all at once, never paused for longer than `stallMs`. */
export async function stallFreeStreams(
  addresses: Addresses,
  shot: Shot,
  { streams, stallMs }: { streams: number; stallMs: number },
): Promise<number> {
  const line = openLine(addresses, shot, streams);
  const stallFree = await Promise.all(
    Array.from({ length: streams }, async () => {
      let lastMs = performance.now();
      let longestMs = 0;
      for await (const _ of line.fire()) {
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
      return longestMs <= stallMs;
    }),
  );
  await line.close();
  return stallFree.filter(Boolean).length;
}

function percentiles(latencies: number[]): Pick<Measured, 'p50Ms' | 'p99Ms'> {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
