import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';

/** Every file below a directory with its text. */
function filesOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(directory.length), readFileSync(path, 'utf8')];
    }),
  );
}

it('the types that are committed are those of the proto files (node scripts/proto.mjs makes them)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gateway-proto-'));
  try {
    // The plugin writes to `<output>/src/transport/grpc/gen`.
    execFileSync(process.execPath, ['node_modules/@bufbuild/buf/bin/buf', 'generate', '--output', directory]);
    expect(filesOf(join(directory, 'src/transport/grpc/gen'))).toEqual(filesOf('src/transport/grpc/gen'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
