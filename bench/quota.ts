import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { startRedisServer } from '../test/helpers/redis-server.ts';
import { startConfigured, startEmulator, type Server } from './processes.ts';
import { naively, throughGateways } from './quota-callers.ts';
import { emulatorFlags, gatewayEnvironment, gatewayYaml, mostPerMinute, QUOTAS } from './quota-limits.ts';
import { MEAN_TOKENS, openLoop, plannedLoad, type Progress } from './quota-load.ts';
import { measures, type Measures, type UpstreamCall } from './quota-report.ts';
import { printColumns } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    load: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    more: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench:quota -- [--minutes 10] [--load 2 (times what the quotas allow)] [--seed 1]
  [--only part-of-a-scenario's-name] [--more 'quota: { agingMs: 1000 }' (further settings of the gateways)]`);
  process.exit(0);
}
const minutes = Number(flags.minutes);
const seed = Number(flags.seed);

/** A way to serve the load. Each has an emulator of its own; all run at the same time. */
interface Scenario {
  readonly name: string;
  /** Gateways in front of the emulator; none where callers go to it themselves. */
  readonly replicas: number;
  /** Limits that the gateways know, as a share of the emulator's. */
  readonly limitShare: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'one replica', replicas: 1, limitShare: 1 },
  { name: 'three replicas', replicas: 3, limitShare: 1 },
  { name: 'limits 10 % lower', replicas: 1, limitShare: 0.9 },
  { name: 'naive client', replicas: 0, limitShare: 1 },
];
const PROGRESS_EVERY_MS = 30_000;
const MINUTE_MS = 60_000;

interface Stop {
  stop(): Promise<unknown>;
}

/** Starts a scenario's servers; whatever was started is in `started`, also where this rejects. */
async function startServers(
  { replicas, limitShare }: Scenario,
  quotaFile: string,
  started: Stop[],
): Promise<{ emulator: Server; gateways: readonly Server[] }> {
  const kept = <T extends Stop>(server: T): T => {
    started.unshift(server);
    return server;
  };
  const emulator = kept(await startEmulator(...emulatorFlags(quotaFile)));
  let redisUrl: string | undefined;
  if (replicas > 1) {
    const redis = await startRedisServer();
    kept({ stop: () => redis.close() });
    redisUrl = redis.url;
  }
  const yaml = `${gatewayYaml(emulator.url, limitShare)}${flags.more}\n`;
  const gateways: Server[] = [];
  for (let replica = 0; replica < replicas; replica += 1)
    gateways.push(kept(await startConfigured(yaml, gatewayEnvironment(redisUrl))));
  return { emulator, gateways };
}

/** Calls for answers that the emulator has seen. */
async function upstreamCalls(emulator: Server): Promise<UpstreamCall[]> {
  const { body } = await request(`${emulator.url}/emulator/ledger`);
  const { calls } = (await body.json()) as { calls: UpstreamCall[] };
  return calls.filter(({ operation }) => operation === 'generateContent');
}

/** How often gateways could not reach the Redis that they share: then a rule decides in its place. */
async function outages(gateways: readonly Server[]): Promise<number> {
  let sum = 0;
  for (const { url } of gateways) {
    const { body } = await request(`${url}/metrics`);
    const [, count] =
      /^gateway_quota_ledger_events_total\{event="outage"\} (\d+)/m.exec(await body.text()) ?? [];
    sum += Number(count ?? 0);
  }
  return sum;
}

/** CPU time of a server so far; none of one that died, whose calls say so. */
function cpuOf(server: Server): number {
  try {
    return server.cpuUs();
  } catch {
    return 0;
  }
}

const scenarios = SCENARIOS.filter(({ name }) => name.includes(flags.only ?? ''));
const load = plannedLoad(Number(flags.load) * mostPerMinute(MEAN_TOKENS), minutes, seed);
const directory = await mkdtemp(join(tmpdir(), 'quota-bench-'));
const quotaFile = join(directory, 'quotas.json');
await writeFile(quotaFile, JSON.stringify(QUOTAS));
const started: Stop[] = [];
const progress = new Map<string, Progress>(
  scenarios.map(({ name }) => [name, { offered: 0, answered: 0, refused: 0 }]),
);
const results: Record<string, Measures> = {};
try {
  const ready = [];
  for (const scenario of scenarios)
    ready.push({ scenario, ...(await startServers(scenario, quotaFile, started)) });
  // The emulator counts by minutes of the clock: a run that began within one would have a part of a minute for nothing.
  await delay(MINUTE_MS - (Date.now() % MINUTE_MS) + 100);
  const startedMs = performance.now();
  const servers = ready.flatMap(({ gateways }) => gateways);
  let cpuUs = servers.map(cpuOf);
  const telling = setInterval(() => {
    const states = [...progress].map(
      ([name, { offered, answered, refused }]) =>
        `${name}: ${answered} answered, ${refused} refused, ${offered - answered - refused} waiting`,
    );
    const before = cpuUs;
    cpuUs = servers.map(cpuOf);
    const shares = cpuUs.map((now, index) =>
      Math.round((now - (before[index] ?? 0)) / PROGRESS_EVERY_MS / 10),
    );
    states.push(`CPU of each gateway, %: ${shares.join(', ')}`);
    console.error(`${Math.round((performance.now() - startedMs) / 1000)} s: ${states.join('; ')}`);
  }, PROGRESS_EVERY_MS);
  await Promise.all(
    ready.map(async ({ scenario: { name, replicas }, emulator, gateways }) => {
      const caller =
        replicas === 0
          ? naively(emulator.url, seed)
          : throughGateways(
              gateways.map(({ url }) => url),
              seed,
            );
      const ends = await openLoop(load, caller, { minutes, progress: progress.get(name) as Progress });
      results[name] = {
        ...measures(ends, await upstreamCalls(emulator), minutes),
        'outages of the shared ledger': await outages(gateways),
      };
    }),
  );
  clearInterval(telling);
} finally {
  for (const server of started) await server.stop();
  await rm(directory, { recursive: true });
}

const names = scenarios.map(({ name }) => name);
const rows = [...new Set(names.flatMap((name) => Object.keys(results[name] ?? {})))];
printColumns([
  [`${minutes} min`, ...names],
  ...rows.map((row) => [row, ...names.map((name) => shown(results[name]?.[row]))]),
]);
await mkdir('bench/results', { recursive: true });
const file = 'bench/results/quota.json';
const about = { node: process.version, minutes, load: Number(flags.load), seed, meanTokens: MEAN_TOKENS };
await writeFile(file, `${JSON.stringify({ about, quotas: QUOTAS, results }, undefined, 2)}\n`);
console.log(`As JSON: ${file}`);

function shown(value: number | undefined): string {
  if (value === undefined) return '';
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 20 ? 3 : 0);
}
