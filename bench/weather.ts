import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool, request } from 'undici';
import { startEmulator, startGateway, type Server } from './processes.ts';
import type { HttpShot } from './lines.ts';
import { WAYS } from './ways.ts';

const { values: flags } = parseArgs({
  options: {
    outage: { type: 'string', default: '60' },
    rate: { type: 'string', default: '100' },
    overload: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench:weather -- [--outage 60 (seconds)] [--rate 100 (calls/s; three times as many
  during the outage)] [--overload 10 (seconds)]`);
  process.exit(0);
}

const WAY = WAYS.find(({ name }) => name === 'gateway, REST') ?? WAYS[0];
const LOAD_FACTOR = 3;
const CALM_SECONDS = 5;
const RECOVERY_SECONDS = 10;
const GOOD_SHARE = 0.95;
/** How long the emulator takes for an answer while the gateway is overloaded. */
const ANSWER_MS = 100;
const IN_FLIGHT = 64;

/** How one call ended. */
interface Shot {
  readonly dueMs: number;
  readonly tookMs: number;
  readonly status: number;
}

/** Calls at a fixed rate, whatever becomes of them. */
async function fire(server: Server, emulator: Server, perSecond: number, seconds: number): Promise<Shot[]> {
  const { path, headers, body } = WAY.unary(emulator.url) as HttpShot;
  const pool = new Pool(server.url, { connections: 1_024 });
  const total = Math.round(perSecond * seconds);
  const pending: Promise<Shot>[] = [];
  const startedMs = performance.now();
  const one = async (dueMs: number): Promise<Shot> => {
    const response = await pool.request({ method: 'POST', path, headers, body });
    await response.body.dump();
    return { dueMs, tookMs: performance.now() - dueMs, status: response.statusCode };
  };
  for (let due = 0; due < total;) {
    for (; due < total && startedMs + (due * 1000) / perSecond <= performance.now(); due += 1)
      pending.push(one(startedMs + (due * 1000) / perSecond));
    await delay(1);
  }
  const shots = await Promise.all(pending);
  await pool.close();
  return shots;
}

/** Calls answered per second while one is made as soon as another is over. */
async function peak(server: Server, emulator: Server, seconds: number): Promise<number> {
  const { path, headers, body } = WAY.unary(emulator.url) as HttpShot;
  const pool = new Pool(server.url, { connections: IN_FLIGHT });
  const endMs = performance.now() + seconds * 1000;
  let answered = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const response = await pool.request({ method: 'POST', path, headers, body });
      await response.body.dump();
      if (response.statusCode === 200) answered += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  await pool.close();
  return answered / seconds;
}

/** What the emulator is to do with every call that matters here. */
async function scenario(emulator: Server, what: object | undefined): Promise<void> {
  const url = `${emulator.url}/emulator/scenarios`;
  await request(url, { method: 'DELETE' });
  if (what !== undefined) {
    const body = JSON.stringify({ times: 0, match: { text: 'rivers' }, ...what });
    await request(url, { method: 'POST', body });
  }
}

/** Calls that the emulator has seen since its start. */
async function upstreamCalls(emulator: Server): Promise<number> {
  const { body } = await request(`${emulator.url}/emulator/ledger`);
  const { calls } = (await body.json()) as { calls: { id: number }[] };
  return calls.at(-1)?.id ?? 0;
}

const isGood = ({ status }: Shot): boolean => status === 200;
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const percentile = (values: readonly number[], at: number): number =>
  values.toSorted((left, right) => left - right)[Math.floor(at * values.length)] ?? 0;

/** Starts an emulator and a gateway with these further settings, and stops both whatever happens. */
async function withServers<T>(
  moreYaml: string,
  run: (server: Server, emulator: Server) => Promise<T>,
): Promise<T> {
  const emulator = await startEmulator();
  try {
    const server = await startGateway(emulator.url, moreYaml);
    try {
      return await run(server, emulator);
    } finally {
      await server.stop();
    }
  } finally {
    await emulator.stop();
  }
}

/** An upstream that refuses every call for a while, at three times the usual load. */
function outage(kind: string, seconds: number, perSecond: number) {
  return withServers('', async (server, emulator) => {
    await fire(server, emulator, perSecond, CALM_SECONDS);
    await scenario(emulator, { kind });
    const before = await upstreamCalls(emulator);
    const during = await fire(server, emulator, LOAD_FACTOR * perSecond, seconds);
    const attempts = (await upstreamCalls(emulator)) - before;
    await scenario(emulator, undefined);
    const endMs = performance.now();
    const after = await fire(server, emulator, perSecond, RECOVERY_SECONDS + CALM_SECONDS);
    const goodAfter = after.filter(isGood);
    const late = after.filter(({ dueMs }) => dueMs - endMs >= RECOVERY_SECONDS * 1000);
    const firstGoodMs = Math.min(...goodAfter.map(({ dueMs }) => dueMs)) - endMs;
    return {
      'upstream down by': kind,
      'for, s': seconds,
      calls: during.length,
      'attempts per call': share(attempts, during.length),
      'refused within, ms (p99)': percentile(
        during.map(({ tookMs }) => tookMs),
        0.99,
      ),
      'first answer after, s': firstGoodMs / 1000,
      [`answered from ${RECOVERY_SECONDS} s on`]: share(late.filter(isGood).length, late.length),
      enough: share(late.filter(isGood).length, late.length) >= GOOD_SHARE,
    };
  });
}

/** Three times as many calls as the gateway may have in flight. */
function overload(seconds: number) {
  return withServers(`server: { maxRequestsInFlight: ${IN_FLIGHT} }\n`, async (server, emulator) => {
    await scenario(emulator, { kind: 'answer', delayMs: ANSWER_MS });
    await peak(server, emulator, CALM_SECONDS);
    const perSecond = await peak(server, emulator, CALM_SECONDS);
    const shots = await fire(server, emulator, LOAD_FACTOR * perSecond, seconds);
    const refused = shots.filter((shot) => !isGood(shot)).map(({ tookMs }) => tookMs);
    return {
      'peak, answers/s': perSecond,
      'offered, calls/s': LOAD_FACTOR * perSecond,
      'answers/s': shots.filter(isGood).length / seconds,
      'of the peak': share(shots.filter(isGood).length / seconds, perSecond),
      'refused, ms (p50)': percentile(refused, 0.5),
      'refused, ms (p99)': percentile(refused, 0.99),
      'refused otherwise than with 429': shots.filter(({ status }) => status !== 200 && status !== 429)
        .length,
    };
  });
}

console.table([await overload(Number(flags.overload))]);
const outages = [];
for (const kind of ['unavailable-503', 'internal-500', 'reset-before-headers'])
  outages.push(await outage(kind, Number(flags.outage), Number(flags.rate)));
console.table(outages);
