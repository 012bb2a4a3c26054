import { buildIfStale } from './lib/build.mjs';
import { ensureRedis } from './lib/redis.mjs';
import { prepare, run } from './lib/toolchain.mjs';

const timeoutMs = 600_000;

const node = await prepare();
// Suites that start the built gateway run side by side and must not build it each for itself.
await buildIfStale(node);
// Suites start servers of their own and stop them; here is only what they start.
await ensureRedis();
process.exitCode = await run(
  node,
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    // No test at all is the totals reporter's failure, which still prints its line.
    '--passWithNoTests',
    ...process.argv.slice(2),
  ],
  { timeoutMs },
);
