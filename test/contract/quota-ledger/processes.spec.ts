import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { built } from '../../helpers/gateway-process.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';
import { connectionTo } from './engines.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const PROCESSES = 4;
const LIMIT = 100;
const MINUTES = 6;
const STEP_MS = 250;

/** Reserves as fast as it can by the time that a key holds, until that is over; tells when it was let through. */
const WORKER = `
const { systemClock } = await import('./dist/core/clock.js');
const { RedisConnection } = await import('./dist/storage/redis/redis-connection.js');
const { RedisQuotaLedger } = await import('./dist/storage/redis/redis-quota-ledger.js');
const { url, name, limits, endMs, ttlMs } = JSON.parse(process.argv[1]);
const settings = { timeoutMs: 10_000, keyPrefix: '', cluster: false };
const connection = new RedisConnection({ id: 'url', current: () => url }, settings, systemClock, Math.random);
const time = "\\nlocal now = tonumber(redis.call('GET', 'clock'))";
const ledger = new RedisQuotaLedger({ connection, clock: systemClock, replica: name, time });
const target = { project: 'p', location: 'global', model: 'm' };
const estimate = { requests: 1, inputTokens: 10, images: 0, nanoUsd: 0 };
const admitted = [];
for (let call = 0; ; call += 1) {
  const decision = await ledger.reserve({ id: name + call, target, estimate, limits, ttlMs });
  const nowMs = Number(await connection.send('clock', ['GET', 'clock']));
  if (decision.admitted) admitted.push(nowMs);
  if (nowMs >= endMs) break;
}
process.stdout.write(JSON.stringify(admitted));
connection.close();
`;

interface Work {
  readonly name: string;
  readonly limits: object;
  readonly endMs: number;
  readonly ttlMs: number;
}

const running = new Set<ChildProcess>();
let server: RedisServer;
let connection: RedisConnection;
let nowMs = Date.UTC(2026, 6, 15, 19);

beforeAll(async () => {
  await built();
  server = await startRedisServer();
  connection = connectionTo(server.url);
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  connection.close();
  await server.close();
});

function worker(work: Work): ChildProcess {
  const told = JSON.stringify({ url: server.url, ...work });
  const child = spawn(process.execPath, ['--input-type=module', '-e', WORKER, told], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  return child;
}

async function admittedBy(child: ChildProcess): Promise<number[]> {
  let said = '';
  child.stdout!.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);
  return JSON.parse(said) as number[];
}

/** Moves the time that all processes go by. */
async function advance(byMs: number): Promise<void> {
  nowMs += byMs;
  await connection.send('clock', ['SET', 'clock', String(nowMs)]);
}

/** Use of requests per minute, which the server keeps after the step that it is. */
const used = async (): Promise<number> => {
  const window = await connection.send('q', ['HGET', 'quota:{p/global/m}', '1']);
  return Number(String(window ?? '').split(' ')[1] ?? 0);
};

describe('processes that share a ledger', () => {
  it('are together let through as often as one alone would be', async () => {
    await advance(0);
    const startMs = nowMs;
    const endMs = startMs + MINUTES * 60_000;
    const limits = { requestsPerMinute: LIMIT, inputTokensPerMinute: 10 * LIMIT + 5 };
    const children = Array.from({ length: PROCESSES }, (_, index) =>
      worker({ name: `w${index}-`, limits, endMs, ttlMs: 1_000 }),
    );
    const results = Promise.all(children.map(admittedBy));
    // All are there before time begins to pass.
    while ((await used()) < LIMIT) continue;
    while (nowMs < endMs) {
      await advance(STEP_MS);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const each = await results;
    const times = each.flat().toSorted((one, other) => one - other);
    for (const [index, first] of times.entries()) {
      const inWindow = times.slice(index).findIndex((time) => time >= first + 60_000);
      expect(inWindow === -1 ? times.length - index : inWindow).toBeLessThanOrEqual(1.1 * LIMIT);
    }
    expect(times.length).toBeGreaterThanOrEqual(0.95 * LIMIT * MINUTES);
    expect(each.filter((own) => own.length > 0).length).toBeGreaterThan(1);
  }, 60_000);

  it('give back the places of one that was killed, and count its use', async () => {
    await connection.send('', ['FLUSHALL']);
    await advance(0);
    const limits = { requestsPerMinute: 10, concurrentCalls: 5 };
    const killed = worker({ name: 'k', limits, endMs: nowMs * 2, ttlMs: 30_000 });
    while ((await used()) < 5) continue;
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const alive = () => admittedBy(worker({ name: `a${nowMs}-`, limits, endMs: nowMs, ttlMs: 30_000 }));
    expect(await alive()).toHaveLength(0);
    await advance(30_000);
    expect(await alive()).toHaveLength(1);
    expect(await used()).toBe(6);
  }, 30_000);
});
