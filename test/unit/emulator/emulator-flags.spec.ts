import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emulatorFlags, USAGE } from '../../../src/emulator/emulator-flags.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'emulator-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const quotaFile = (text: string): string => {
  const file = join(directory, 'quotas.json');
  writeFileSync(file, text);
  return file;
};

describe('emulatorFlags', () => {
  it('reads every flag that the usage names', () => {
    const args = (
      `--port 1 --host localhost --seed 2 --quota-file ${quotaFile('[{"rpm":3}]')} --api-key a --api-key b ` +
      '--key-project a=acme --chunks 4 --chunk-size 5 --delay-ms 6 --first-chunk-delay-ms 7 --chunk-delay-ms 8'
    ).split(' ');
    expect(emulatorFlags(args)).toEqual({
      port: 1,
      host: 'localhost',
      seed: 2,
      quotas: [{ rpm: 3 }],
      apiKeys: ['a', 'b'],
      keyProjects: { a: 'acme' },
      pace: { chunks: 4, chunkSize: 5, delayMs: 6, firstChunkDelayMs: 7, chunkDelayMs: 8 },
    });
    const named = new Set(USAGE.match(/--[a-z-]+/g));
    expect(named).toEqual(new Set(args.filter((arg) => arg.startsWith('--'))));
  });

  it('leaves everything to the defaults without flags', () => {
    expect(emulatorFlags([])).toEqual({ pace: {}, keyProjects: {} });
  });

  it('refuses what it does not know', () => {
    expect(() => emulatorFlags(['--prot', '1'])).toThrow(/--prot/);
    expect(() => emulatorFlags(['--port', 'x'])).toThrow('port is no number: x');
    expect(() => emulatorFlags(['--quota-file', quotaFile('{}')])).toThrow(
      'Quotas are a JSON list of rules.',
    );
  });
});
