import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server under measurement, in a process of its own. */
export interface Server {
  readonly url: string;
  /** From start to the first answer of its own. */
  readonly coldStartMs: number;
  /** CPU time so far, user and system. */
  cpuUs(): number;
  rssBytes(): number;
  stop(): Promise<void>;
}

/** Key of the gateway under measurement. */
export const GATEWAY_KEY = 'bench-key';

/** Starts the emulator. */
export function startEmulator(flags: readonly string[] = []): Promise<Server> {
  return start(['dist/emulator/main.js', '--port', '0', ...flags], {});
}

/** Starts the gateway's production build in front of an upstream. */
export async function startGateway(upstreamUrl: string): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-bench-'));
  const config = join(directory, 'bench.yaml');
  await writeFile(
    config,
    `projects:
  - id: bench
    provider: gemini
    baseUrl: ${upstreamUrl}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
`,
  );
  return start(['--max-semi-space-size=8', 'dist/main.js'], {
    NODE_ENV: 'production',
    GATEWAY_ENV: 'production',
    GATEWAY_CONFIG: config,
    GATEWAY_BOOTSTRAP_KEY: GATEWAY_KEY,
    UPSTREAM_KEY: 'upstream-key',
    PORT: '0',
    GATEWAY__SERVER__HOST: '127.0.0.1',
  });
}

const START_TIMEOUT_MS = 20_000;
const CLOCK_TICK_US = 10_000;

async function start(args: readonly string[], environment: Record<string, string>): Promise<Server> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await urlOf(child);
  const coldStartMs = performance.now() - startedMs;
  const pid = child.pid ?? 0;
  return {
    url,
    coldStartMs,
    cpuUs: () => cpuTicks(pid) * CLOCK_TICK_US,
    rssBytes: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

/** The address that the process prints; everything else that it prints is thrown away, but read. */
function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timeout = setTimeout(
      () => reject(new Error(`no address within ${START_TIMEOUT_MS} ms: ${said}`)),
      START_TIMEOUT_MS,
    );
    const listen = (chunk: Buffer): void => {
      if (said.length > 100_000) return;
      said += chunk.toString();
      const [url] = /http:\/\/[\w.]+:\d+/.exec(said) ?? [];
      if (url === undefined) return;
      clearTimeout(timeout);
      resolve(url);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`exited with ${code}: ${said}`)));
  });
}
