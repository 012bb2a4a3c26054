import { parseArgs } from 'node:util';
import { buildIfStale } from './lib/build.mjs';
import { prepare, run } from './lib/toolchain.mjs';

// The long form of the fault suites: `--runs n` of each fault, everything drawn from `--seed n`; a path picks suites.
const timeoutMs = 3_600_000;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20' }, seed: { type: 'string' } },
});
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));

const node = await prepare();
await buildIfStale(node);
process.exitCode = await run(
  node,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // Faults are a matter of time: suites side by side would disturb each other.
    '--runInBand',
    ...(positionals.length > 0 ? positionals : ['test/faults']),
  ],
  { timeoutMs, env: { ...process.env, FAULT_RUNS: values.runs, FAULT_SEED: seed } },
);
