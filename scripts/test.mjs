import { buildIfStale } from './lib/build.mjs';
import { ensureRedis } from './lib/redis.mjs';
import { prepare, run } from './lib/toolchain.mjs';

const timeoutMs = 600_000;

const node = await prepare();
// Suites that start the built gateway run side by side and must not build it each for itself.
await buildIfStale(node);
// Suites start servers of their own and stop them; here is only what they start.
await ensureRedis();
const given = process.argv.slice(2);
// Suites that are a matter of time disturb each other, so they come last, one at a time.
const timed = [
  'test/faults/',
  'test/e2e/rest/hedging',
  'test/contract/quota-ledger/redis-away',
  'test/contract/quota-ledger/processes',
];
const rounds =
  given.length > 0
    ? [given]
    : [timed.flatMap((path) => ['--testPathIgnorePatterns', path]), ['--runInBand', ...timed]];
for (const args of rounds) process.exitCode = (await suites(args)) || process.exitCode;

function suites(args) {
  return run(
    node,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      // No test at all is the totals reporter's failure, which still prints its line.
      '--passWithNoTests',
      ...args,
    ],
    { timeoutMs },
  );
}
