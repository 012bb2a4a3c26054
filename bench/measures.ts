import { closedLoop, firstEvent, openLoop, stallFreeStreams, whole } from './load.ts';
import type { Server } from './processes.ts';
import type { Way } from './ways.ts';

/** What one round measured of one way, by the measure's name. */
export type Row = Readonly<Record<string, number>>;

/** How much is measured. */
export interface Extent {
  /** Of each measure. */
  readonly seconds: number;
  readonly concurrency: number;
  readonly streams: number;
  readonly ratesPerSecond: readonly number[];
}

/** Until V8 has compiled what is hot: before, a call costs up to twice the CPU. */
const WARM_UP_SECONDS = 8;
/** A stream whose chunks come every 20 ms stalls when nothing comes for so long. */
const STALL_MS = 250;

/** Measures a way once. `server` is absent for the direct way. */
export async function measure(
  way: Way,
  emulator: Server,
  server: Server | undefined,
  { seconds, concurrency, streams, ratesPerSecond }: Extent,
): Promise<Row> {
  const at = server ?? emulator;
  const unary = way.unary(emulator.url);
  const idleMiB = server?.rssMiB();
  await closedLoop(at, unary, whole, { concurrency, seconds: WARM_UP_SECONDS });
  const cpuBeforeUs = server?.cpuUs();
  const busy = await closedLoop(at, unary, whole, { concurrency, seconds });
  const cpuUs = server === undefined ? undefined : server.cpuUs() - (cpuBeforeUs ?? 0);
  const alone = await closedLoop(at, unary, whole, { concurrency: 1, seconds });
  const first = await closedLoop(at, way.streamed(emulator.url), firstEvent, { concurrency: 1, seconds });
  const image = await closedLoop(at, way.image(emulator.url), whole, { concurrency: 1, seconds });
  const rates: [string, number][] = [];
  for (const perSecond of ratesPerSecond) {
    const { p50Ms, p99Ms } = await openLoop(at, unary, { perSecond, seconds });
    rates.push([`p50 at ${perSecond}/s, ms`, p50Ms], [`p99 at ${perSecond}/s, ms`, p99Ms]);
  }
  const stallFree = await stallFreeStreams(at, way.paced(emulator.url), { streams, stallMs: STALL_MS });
  return {
    'unary, calls/s': busy.calls / busy.seconds,
    ...(cpuUs === undefined ? {} : { 'CPU per call, us': cpuUs / busy.calls }),
    'p50 alone, ms': alone.p50Ms,
    'p99 alone, ms': alone.p99Ms,
    ...Object.fromEntries(rates),
    'first event p50, ms': first.p50Ms,
    'first event p99, ms': first.p99Ms,
    '1 MB image p50, ms': image.p50Ms,
    [`stall-free of ${streams} streams`]: stallFree,
    ...(server === undefined
      ? {}
      : { 'cold start, ms': server.coldStartMs, 'RSS after, MiB': server.rssMiB() }),
    ...(idleMiB === undefined ? {} : { 'RSS at rest, MiB': idleMiB }),
  };
}

/** Memory under a steady load: RSS at the end, and its slope over the time after the first tenth. */
export async function soak(
  way: Way,
  emulator: Server,
  server: Server,
  { seconds, perSecond }: { seconds: number; perSecond: number },
): Promise<Row> {
  const samples: { minutes: number; mib: number }[] = [];
  const startedMs = performance.now();
  const sampling = setInterval(() => {
    samples.push({ minutes: (performance.now() - startedMs) / 60_000, mib: server.rssMiB() });
  }, 1_000);
  const { calls } = await openLoop(server, way.unary(emulator.url), { perSecond, seconds });
  clearInterval(sampling);
  const settled = samples.slice(Math.ceil(samples.length / 10));
  return { 'soak, calls': calls, 'soak, RSS MiB': settled.at(-1)?.mib ?? 0, 'soak, MiB/min': slope(settled) };
}

/** Least squares. */
function slope(samples: readonly { minutes: number; mib: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = mean(samples.map((sample) => sample.minutes));
  const mib = mean(samples.map((sample) => sample.mib));
  const above = samples.reduce((sum, sample) => sum + (sample.minutes - minutes) * (sample.mib - mib), 0);
  const below = samples.reduce((sum, sample) => sum + (sample.minutes - minutes) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
