import { buildIfStale } from './lib/build.mjs';
import { gatewayNodeFlags } from './lib/node-flags.mjs';
import { prepare, run } from './lib/toolchain.mjs';

const node = await prepare();
await buildIfStale(node);
process.exitCode = await run(node, [...gatewayNodeFlags, 'dist/main.js', ...process.argv.slice(2)]);
