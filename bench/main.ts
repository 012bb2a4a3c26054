import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { closedLoop, type Shot } from './load.ts';
import { GATEWAY_KEY, startEmulator, startGateway, type Server } from './processes.ts';
import { printTable, summary, type Row } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '32' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log('npm run bench -- [--seconds 4] [--rounds 3] [--concurrency 32]');
  process.exit(0);
}
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const concurrency = Number(flags.concurrency);

const MODEL = 'gemini-3.8-flash';
const PROMPT = 'Name three rivers of Europe and what they flow into. '.repeat(8);
const geminiBody = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: PROMPT }] }] });
const json = { 'content-type': 'application/json' };

/** One way to the same answer. */
interface Way {
  readonly name: string;
  readonly server: Server;
  readonly unary: Shot;
  readonly streamed: Shot;
}

const emulator = await startEmulator();
const gateway = await startGateway(emulator.url);
const idleRssMb = gateway.rssBytes() / 1e6;
try {
  const geminiPath = `/v1beta/models/${MODEL}`;
  const google = { headers: { ...json, 'x-goog-api-key': GATEWAY_KEY }, body: geminiBody };
  const rest = { path: '/v1/generate', headers: { ...json, authorization: `Bearer ${GATEWAY_KEY}` } };
  const gemini = {
    unary: { ...google, path: `${geminiPath}:generateContent` },
    streamed: { ...google, path: `${geminiPath}:streamGenerateContent?alt=sse` },
  };
  const restBody = { model: MODEL, prompt: PROMPT };
  const ways: readonly Way[] = [
    { name: 'direct', server: emulator, ...gemini },
    { name: 'gateway, Gemini surface', server: gateway, ...gemini },
    {
      name: 'gateway, REST surface',
      server: gateway,
      unary: { ...rest, body: JSON.stringify(restBody) },
      streamed: { ...rest, body: JSON.stringify({ ...restBody, stream: true }) },
    },
  ];
  console.log(`Warming up, then ${rounds} interleaved rounds of ${seconds} s for each way and measure.`);
  for (const way of ways) await measure(way, 1);
  const rows = new Map<string, Row[]>(ways.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const way of ways) {
      const row = await measure(way, seconds);
      rows.get(way.name)?.push(row);
      console.log(`round ${round}: ${way.name}: ${Math.round(row.callsPerSecond)} calls/s`);
    }
  }
  const table = summary(rows);
  printTable(table);
  const rssMb = gateway.rssBytes() / 1e6;
  console.log(
    `gateway: cold start ${Math.round(gateway.coldStartMs)} ms, RSS idle ${idleRssMb.toFixed(0)} MB, after the run ${rssMb.toFixed(0)} MB`,
  );
  await mkdir('bench/results', { recursive: true });
  const file = 'bench/results/latest.json';
  const about = {
    node: process.version,
    seconds,
    rounds,
    concurrency,
    coldStartMs: gateway.coldStartMs,
    idleRssMb,
    rssMb,
  };
  await writeFile(
    file,
    `${JSON.stringify({ about, rounds: Object.fromEntries(rows), table }, undefined, 2)}\n`,
  );
  console.log(`All rounds: ${file}`);
} finally {
  await gateway.stop();
  await emulator.stop();
}

async function measure({ server, unary, streamed }: Way, forSeconds: number): Promise<Row> {
  const cpuBefore = server.cpuUs();
  const busy = await closedLoop(server.url, unary, { concurrency, seconds: forSeconds, stream: false });
  const cpuUs = server.cpuUs() - cpuBefore;
  const alone = await closedLoop(server.url, unary, {
    concurrency: 1,
    seconds: forSeconds / 2,
    stream: false,
  });
  const first = await closedLoop(server.url, streamed, {
    concurrency: 1,
    seconds: forSeconds / 2,
    stream: true,
  });
  return {
    callsPerSecond: busy.calls / busy.seconds,
    cpuUsPerCall: cpuUs / busy.calls,
    p50Ms: alone.p50Ms,
    p99Ms: alone.p99Ms,
    firstEventP50Ms: first.p50Ms,
    firstEventP99Ms: first.p99Ms,
  };
}
