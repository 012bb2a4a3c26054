import { createClient } from '@redis/client';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Redis of a suite's own, without anything on disk that outlives it. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Asks it something as an operator would. */
  command(...words: string[]): Promise<unknown>;
  /** Stops the process where it is, as SIGSTOP does. */
  suspend(): void;
  resume(): void;
  /** Ends the process as a crash does. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const PROGRAM = 'redis-server';
const START_TRIES = 5;
const START_MS = 10_000;

/** Starts one. With `cluster` it is a Redis Cluster of one node. */
export async function startRedisServer({ cluster = false } = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const [port, first] = await startSomewhere(directory, cluster);
  let process: ChildProcess | undefined = first;
  const url = `redis://127.0.0.1:${port}`;
  const ask = async (...words: string[]): Promise<unknown> => {
    const client = createClient({ url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(words);
    } finally {
      client.destroy();
    }
  };
  const server: RedisServer = {
    port,
    url,
    command: ask,
    suspend: () => void process?.kill('SIGSTOP'),
    resume: () => void process?.kill('SIGCONT'),
    kill: async () => {
      const ending = process;
      process = undefined;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      ending.kill('SIGKILL');
      await once(ending, 'exit');
    },
    restart: async () => {
      await server.kill();
      process = await start(port, directory, cluster);
    },
    close: async () => {
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  if (cluster) {
    await ask('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!String(await ask('CLUSTER', 'INFO')).includes('cluster_state:ok')) continue;
  }
  return server;
}

async function startSomewhere(directory: string, cluster: boolean): Promise<[number, ChildProcess]> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return [port, await start(port, directory, cluster)];
    } catch (thrown) {
      // Somebody else may have taken the port meanwhile.
      if (attempt === START_TRIES) throw thrown;
    }
  }
}

async function start(port: number, directory: string, cluster: boolean): Promise<ChildProcess> {
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  // A cluster's bus has a port of its own, which must not be somebody's either.
  const clustered = cluster ? ['--cluster-enabled', 'yes', '--cluster-port', `${await freePort()}`] : [];
  const child = spawn(PROGRAM, [...settings, '--appendonly', 'no', ...clustered], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    const giveUp = setTimeout(() => child.kill('SIGKILL'), START_MS);
    child.once('error', (cause) => {
      clearTimeout(giveUp);
      reject(new Error('There is no redis-server; `npm test` says how to install it.', { cause }));
    });
    child.once('exit', (code) => {
      clearTimeout(giveUp);
      reject(new Error(`redis-server ended with ${code}: ${said}`));
    });
    child.stdout.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-4_096);
      if (!said.includes('Ready to accept connections')) return;
      clearTimeout(giveUp);
      resolve(child);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
