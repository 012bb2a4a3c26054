import { build } from './lib/build.mjs';
import { prepare } from './lib/toolchain.mjs';

await build(await prepare());
