import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, step } from './toolchain.mjs';

const inputs = ['package-lock.json', 'tsconfig.json', '.swcrc', 'nest-cli.json'];
const stamp = join(root, 'dist/.sources');

/** Compiles `src` to `dist`, `src/main.ts` to `dist/main.js`; types are not checked. */
export async function build(node) {
  const sources = sourcesHash();
  await step(node, ['node_modules/@nestjs/cli/bin/nest.js', 'build']);
  writeFileSync(stamp, sources);
}

/** Builds when `dist` is missing or was made from other sources. */
export async function buildIfStale(node) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash()) return;
  console.log('build: src -> dist');
  await build(node);
}

function sourcesHash() {
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const hash = createHash('sha256');
  for (const file of [...inputs.map((input) => join(root, input)), ...sources.toSorted()]) {
    hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}
