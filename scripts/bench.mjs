import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildIfStale } from './lib/build.mjs';
import { ensureRedis } from './lib/redis.mjs';
import { prepare, root, run, step } from './lib/toolchain.mjs';

const node = await prepare();
await buildIfStale(node);
// `weather` measures an outage and an overload, `quota` twice the load that quotas allow, `schemas` what hostile
// schemas do to others; without a name, the gateway is measured beside its peer.
const [name, ...rest] = process.argv.slice(2);
const alone = ['weather', 'quota', 'schemas'].includes(name);
if (name === 'quota') await ensureRedis();
if (!alone && !existsSync(join(root, 'bench/node_modules/@portkey-ai/gateway'))) {
  console.log('install: the peer that the benchmark compares with');
  await step('npm', ['ci', '--prefix', 'bench', '--ignore-scripts', '--loglevel=error']);
}
process.exitCode = await run(
  node,
  alone ? [`bench/${name}.ts`, ...rest] : ['bench/main.ts', ...process.argv.slice(2)],
);
