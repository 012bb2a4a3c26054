import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { measure, soak, type Row } from './measures.ts';
import { startEmulator } from './processes.ts';
import { printTable, summary } from './report.ts';
import { PACE, WAYS } from './ways.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '32' },
    streams: { type: 'string', default: '512' },
    rates: { type: 'string', default: '100,500,1000' },
    soak: { type: 'string', default: '300' },
    ways: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`npm run bench -- [--rounds 3] [--seconds 3] [--concurrency 32] [--streams 512]
  [--rates 100,500,1000] [--soak 300 (seconds; 0 for none)] [--quick (one short round, no soak)]
  [--ways REST (those whose names hold it, beside direct calls)]`);
  process.exit(0);
}
const ways = WAYS.filter(({ name }, index) => index === 0 || name.includes(flags.ways));
const rounds = flags.quick ? 1 : Number(flags.rounds);
const soakSeconds = flags.quick ? 0 : Number(flags.soak);
const extent = {
  seconds: flags.quick ? 1 : Number(flags.seconds),
  concurrency: Number(flags.concurrency),
  streams: Number(flags.streams),
  ratesPerSecond: flags.rates.split(',').map(Number),
};
const SOAK_PER_SECOND = 200;
const SOAKED = new Set(['gateway, REST', 'Portkey']);

const emulator = await startEmulator();
try {
  await request(`${emulator.url}/emulator/scenarios`, { method: 'POST', body: JSON.stringify(PACE) });
  const rows = new Map<string, Row[]>(ways.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const way of ways) {
      const server = await way.start(emulator.url);
      try {
        const row = await measure(way, emulator, server, extent);
        rows.get(way.name)?.push(row);
        console.log(
          `round ${round} of ${rounds}: ${way.name}: ${Math.round(row['unary, calls/s'] ?? 0)} calls/s`,
        );
      } finally {
        await server?.stop();
      }
    }
  }
  const table = summary(rows);
  printTable(table);
  const soaked: Record<string, Row> = {};
  for (const way of soakSeconds > 0 ? ways.filter(({ name }) => SOAKED.has(name)) : []) {
    console.log(`soak: ${way.name}: ${SOAK_PER_SECOND} calls/s for ${soakSeconds} s`);
    const server = await way.start(emulator.url);
    if (server === undefined) continue;
    soaked[way.name] = await soak(way, emulator, server, {
      seconds: soakSeconds,
      perSecond: SOAK_PER_SECOND,
    });
    console.log(soaked[way.name]);
    await server.stop();
  }
  await mkdir('bench/results', { recursive: true });
  const about = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, rounds, ...extent };
  const file = 'bench/results/latest.json';
  await writeFile(
    file,
    `${JSON.stringify({ about, table, rounds: Object.fromEntries(rows), soak: soaked }, undefined, 2)}\n`,
  );
  console.log(`All rounds: ${file}`);
} finally {
  await emulator.stop();
}
