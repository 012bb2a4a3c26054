import { Pool, type Dispatcher } from 'undici';

/** A request to repeat. */
export interface Shot {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a run of calls took. */
export interface Measured {
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long a call takes, in milliseconds, by one's own idea of its end. */
type Timed = (pool: Pool, shot: Shot, startedMs: number) => Promise<number>;

/** To the whole answer. */
export const whole: Timed = async (pool, shot, startedMs) => {
  const { body } = await fire(pool, shot);
  await body.text();
  return performance.now() - startedMs;
};

/** To the first bytes of a streamed answer, which is then read to its end. */
export const firstEvent: Timed = async (pool, shot, startedMs) => {
  const { body } = await fire(pool, shot);
  let firstMs: number | undefined;
  for await (const _ of body) firstMs ??= performance.now() - startedMs;
  return firstMs ?? performance.now() - startedMs;
};

/** So many callers, each with the next call as soon as the last is over. Throws at an answer that is no 200. */
export async function closedLoop(
  url: string,
  shot: Shot,
  timed: Timed,
  { concurrency, seconds }: { concurrency: number; seconds: number },
): Promise<Measured> {
  const pool = new Pool(url, { connections: concurrency });
  const latencies: number[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) latencies.push(await timed(pool, shot, performance.now()));
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const took = (performance.now() - startedMs) / 1000;
  await pool.close();
  return { calls: latencies.length, seconds: took, ...percentiles(latencies) };
}

/**
 * Calls at a fixed rate, whether the earlier ones are over or not. Latency counts from the moment at which the call
 * was due, so that a server that falls behind cannot hide it.
 */
export async function openLoop(
  url: string,
  shot: Shot,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Measured> {
  const pool = new Pool(url, { connections: 128 });
  const latencies: number[] = [];
  const pending: Promise<void>[] = [];
  const total = Math.round(perSecond * seconds);
  const startedMs = performance.now();
  for (let due = 0; due < total;) {
    const elapsedMs = performance.now() - startedMs;
    for (; due < total && (due * 1000) / perSecond <= elapsedMs; due += 1) {
      const dueMs = startedMs + (due * 1000) / perSecond;
      pending.push(whole(pool, shot, dueMs).then((latencyMs) => void latencies.push(latencyMs)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pending);
  await pool.close();
  return { calls: total, seconds: (performance.now() - startedMs) / 1000, ...percentiles(latencies) };
}

/** How many of so many streams, all at once, never paused for longer than `stallMs`. */
export async function stallFreeStreams(
  url: string,
  shot: Shot,
  { streams, stallMs }: { streams: number; stallMs: number },
): Promise<number> {
  const pool = new Pool(url, { connections: streams });
  const stallFree = await Promise.all(
    Array.from({ length: streams }, async () => {
      const { body } = await fire(pool, shot);
      let lastMs = performance.now();
      let longestMs = 0;
      for await (const _ of body) {
        longestMs = Math.max(longestMs, performance.now() - lastMs);
        lastMs = performance.now();
      }
      return longestMs <= stallMs;
    }),
  );
  await pool.close();
  return stallFree.filter(Boolean).length;
}

async function fire(pool: Pool, shot: Shot): Promise<Dispatcher.ResponseData> {
  const response = await pool.request({ method: 'POST', ...shot });
  if (response.statusCode === 200) return response;
  throw new Error(`${shot.path} answered ${response.statusCode}: ${await response.body.text()}`);
}

function percentiles(latencies: number[]): Pick<Measured, 'p50Ms' | 'p99Ms'> {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
