import { buildIfStale } from './lib/build.mjs';
import { prepare, run } from './lib/toolchain.mjs';

const node = await prepare();
await buildIfStale(node);
process.exitCode = await run(node, ['bench/main.ts', ...process.argv.slice(2)]);
