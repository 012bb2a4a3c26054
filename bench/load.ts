import { Pool } from 'undici';

/** A request to repeat. */
export interface Shot {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Latencies in milliseconds, and how many calls were made in how long. */
export interface Measured {
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Repeats a shot from so many workers for so long. Throws at the first answer that is no 200. */
export async function closedLoop(
  url: string,
  shot: Shot,
  { concurrency, seconds, stream }: { concurrency: number; seconds: number; stream: boolean },
): Promise<Measured> {
  const pool = new Pool(url, { connections: concurrency, pipelining: 1 });
  const latencies: number[] = [];
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs)
      latencies.push(await (stream ? firstEvent(pool, shot) : whole(pool, shot)));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const took = (performance.now() - startedMs) / 1000;
  await pool.close();
  return { calls: latencies.length, seconds: took, ...percentiles(latencies) };
}

/** Milliseconds from sending to the whole answer. */
async function whole(pool: Pool, shot: Shot): Promise<number> {
  const startedMs = performance.now();
  const { statusCode, body } = await pool.request({ method: 'POST', ...shot });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${shot.path} answered ${statusCode}: ${text}`);
  return performance.now() - startedMs;
}

/** Milliseconds from sending to the first bytes of a streamed answer, which is then read to its end. */
async function firstEvent(pool: Pool, shot: Shot): Promise<number> {
  const startedMs = performance.now();
  const { statusCode, body } = await pool.request({ method: 'POST', ...shot });
  if (statusCode !== 200) throw new Error(`${shot.path} answered ${statusCode}: ${await body.text()}`);
  let firstMs: number | undefined;
  for await (const _ of body) firstMs ??= performance.now() - startedMs;
  return firstMs ?? performance.now() - startedMs;
}

function percentiles(latencies: number[]): Pick<Measured, 'p50Ms' | 'p99Ms'> {
  const sorted = latencies.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
