import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const BUILD = `const { buildIfStale } = await import('./scripts/lib/build.mjs'); await buildIfStale(process.execPath);`;

/** Builds `dist` when it is missing or older than the sources. */
export async function built(): Promise<void> {
  const build = spawn(process.execPath, ['--input-type=module', '-e', BUILD], { cwd: root, stdio: 'ignore' });
  const [code] = (await once(build, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the build ended with ${code}`);
}

/** The built gateway as a process of its own. */
export interface GatewayProcess {
  readonly child: ChildProcess;
  /** What it wrote so far to standard error, for people. */
  stderr(): string;
  /** Log lines so far. */
  stdout(): string;
  /** Its URL, once it serves. Rejects when it ends before. */
  serving(): Promise<string>;
  /** Address of its gRPC surface, which it prints before its URL. */
  grpcAddress(): string;
  /** Code and signal with which it ends. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const running = new Set<ChildProcess>();

/** Starts it on a free port with these variables and no others; with no more open files than `maxOpenFiles`. */
export function gatewayProcess(
  environment: Record<string, string> = {},
  maxOpenFiles: number | 'unlimited' = 'unlimited',
): GatewayProcess {
  const limit = maxOpenFiles === 'unlimited' ? '' : `ulimit -n ${maxOpenFiles} && `;
  const child = spawn('/bin/sh', ['-c', `${limit}exec "$0" dist/main.js`, process.execPath], {
    cwd: root,
    env: { PORT: '0', GRPC_PORT: '0', GATEWAY__SERVER__HOST: '127.0.0.1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    }),
  );
  return {
    child,
    stderr: () => err,
    stdout: () => out,
    ended,
    grpcAddress: () => /serves gRPC on (\S+)/.exec(err)?.[1] ?? '',
    serving: () =>
      eventually(
        () => {
          if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}: ${err}`);
          return /serves on (http:\S+)/.exec(err)?.[1];
        },
        'the start of the gateway',
        15_000,
      ),
  };
}

/** Ends whatever a failed test left running. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
