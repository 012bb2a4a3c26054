import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { EmulatorOptions } from './emulator.js';
import { quotaRulesFrom } from './quotas.js';

/** What the command line takes. */
export const USAGE = `Usage: emulator [--port n] [--host name] [--seed n] [--quota-file rules.json]
  [--api-key key]... [--key-project key=project]...
  [--chunks n] [--chunk-size characters] [--delay-ms n] [--first-chunk-delay-ms n] [--chunk-delay-ms n]
`;

/** The options that command-line arguments ask for. Throws an Error that says which one is wrong. */
export function emulatorFlags(args: readonly string[]): EmulatorOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      seed: { type: 'string' },
      'quota-file': { type: 'string' },
      'api-key': { type: 'string', multiple: true },
      'key-project': { type: 'string', multiple: true },
      chunks: { type: 'string' },
      'chunk-size': { type: 'string' },
      'delay-ms': { type: 'string' },
      'first-chunk-delay-ms': { type: 'string' },
      'chunk-delay-ms': { type: 'string' },
    },
  });
  const pace = {
    ...numbered('chunks', values.chunks),
    ...numbered('chunkSize', values['chunk-size']),
    ...numbered('delayMs', values['delay-ms']),
    ...numbered('firstChunkDelayMs', values['first-chunk-delay-ms']),
    ...numbered('chunkDelayMs', values['chunk-delay-ms']),
  };
  const file = values['quota-file'];
  return {
    pace,
    ...numbered('port', values.port),
    ...numbered('seed', values.seed),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values['api-key'] === undefined ? {} : { apiKeys: values['api-key'] }),
    ...(file === undefined ? {} : { quotas: quotaRulesFrom(JSON.parse(readFileSync(file, 'utf8'))) }),
    keyProjects: Object.fromEntries((values['key-project'] ?? []).map((pair) => pair.split('=', 2))),
  };
}

function numbered<Name extends string>(name: Name, value: string | undefined): { [N in Name]?: number } {
  if (value === undefined) return {};
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0) throw new TypeError(`${name} is no number: ${value}`);
  return { [name]: number } as { [N in Name]?: number };
}
