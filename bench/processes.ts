import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gatewayNodeFlags } from '../scripts/lib/node-flags.mjs';

/** A server under measurement, in a process of its own. */
export interface Server {
  readonly url: string;
  /** Where it serves gRPC, if it does. */
  readonly grpcAddress?: string | undefined;
  /** From start to the address being printed. */
  readonly coldStartMs: number;
  /** CPU time so far, user and system. */
  cpuUs(): number;
  rssMiB(): number;
  stop(): Promise<void>;
}

/** Key of the gateway under measurement. */
export const GATEWAY_KEY = 'bench-key';

/** Starts the emulator, production build, with these further flags. */
export function startEmulator(...flags: readonly string[]): Promise<Server> {
  return start(['dist/emulator/main.js', '--port', '0', ...flags], {});
}

/** Starts the gateway, production build with production settings and more, in front of an upstream. */
export function startGateway(upstreamUrl: string, moreYaml = ''): Promise<Server> {
  return startConfigured(`projects:
  - id: bench
    provider: gemini
    baseUrl: ${upstreamUrl}
    credentials: { apiKeys: [{ secret: "env:UPSTREAM_KEY" }] }
${moreYaml}`);
}

/** Starts the gateway, production build with production settings, these ones and these variables. */
export async function startConfigured(
  yaml: string,
  environment: Record<string, string> = {},
): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-bench-'));
  const config = join(directory, 'bench.yaml');
  await writeFile(config, yaml);
  const server = await start([...gatewayNodeFlags, 'dist/main.js'], {
    NODE_ENV: 'production',
    GATEWAY_ENV: 'production',
    GATEWAY_CONFIG: config,
    GATEWAY_BOOTSTRAP_KEY: GATEWAY_KEY,
    GATEWAY__SERVER__HOST: '127.0.0.1',
    GATEWAY__SERVER__UNREADY_BEFORE_DRAIN_MS: '0',
    UPSTREAM_KEY: 'upstream-key',
    PORT: '0',
    GRPC_PORT: '0',
    ...environment,
  });
  await rm(directory, { recursive: true });
  return server;
}

/** Starts the peer: Portkey's gateway as its package ships it. */
export async function startPortkey(): Promise<Server> {
  const port = await freePort();
  const program = 'bench/node_modules/@portkey-ai/gateway/build/start-server.js';
  return start(
    [program, `--port=${port}`, '--headless'],
    { NODE_ENV: 'production' },
    'Ready for connections',
  );
}

const START_TIMEOUT_MS = 30_000;
const CLOCK_TICK_US = 10_000;

async function start(
  args: readonly string[],
  environment: Record<string, string>,
  ready = '',
): Promise<Server> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = await addressesOf(child, ready);
  const coldStartMs = performance.now() - startedMs;
  const { pid = 0 } = child;
  return {
    ...said,
    coldStartMs,
    cpuUs: () => cpuTicks(pid) * CLOCK_TICK_US,
    rssMiB: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

/** The addresses that the process prints, once it also printed `ready`. Everything that it prints is read. */
function addressesOf(
  child: ChildProcess,
  ready: string,
): Promise<{ readonly url: string; readonly grpcAddress: string | undefined }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string): void => reject(new Error(`${why}: ${said}`));
    const timeout = setTimeout(() => fail(`no address within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const listen = (chunk: Buffer): void => {
      if (said.length > 100_000) return;
      said += chunk.toString();
      const [url] = /http:\/\/[\w.]+:\d+/.exec(said) ?? [];
      if (url === undefined || !said.includes(ready)) return;
      clearTimeout(timeout);
      resolve({ url, grpcAddress: /gRPC on ([\w.]+:\d+)/.exec(said)?.[1] });
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('exit', (code) => fail(`exited with ${code}`));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
