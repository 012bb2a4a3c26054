import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './lib/build.mjs';
import { prepare, step } from './lib/toolchain.mjs';

// The classes are read under the Node that they are built for, not the one that typed the command.
if (process.argv.includes('--write')) await write();
else {
  const node = await prepare();
  await buildIfStale(node);
  await step(node, [fileURLToPath(import.meta.url), '--write']);
}

async function write() {
  const dist = new URL('../dist/', import.meta.url);
  const { renderConfigDocs } = await import(new URL('config/config-docs.js', dist).href);
  const { CONFIG_SECTIONS } = await import(new URL('config-sections.js', dist).href);
  writeFileSync(new URL('../docs/config.md', import.meta.url), renderConfigDocs(CONFIG_SECTIONS));
}
