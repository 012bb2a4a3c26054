import { prepare, step } from './lib/toolchain.mjs';

// The types of `proto`, for src/transport/grpc/gen. A test compares them with the files that are committed.
await step(await prepare(), ['node_modules/@bufbuild/buf/bin/buf', 'generate', ...process.argv.slice(2)]);
