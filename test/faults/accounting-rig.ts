import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.js';
import { built, endAll, type GatewayProcess, gatewayProcess } from '../helpers/gateway-process.js';
import { type RedisServer, startRedisServer } from '../helpers/redis-server.js';

const KEY = 'key-of-the-accounts';
const LIMIT = 1_000_000_000;
const WORDS = 'heron'.repeat(8);
/** A picture of one pixel. */
const IMAGE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** What the emulator counts of each call: a quarter of the characters, and 258 tokens for an image. */
export const COUNTED_TOKENS = WORDS.length / 4 + 258;
/** What the gateway reserves for it: Gemini 3 may read an image as 1,120 tokens. Media teach its estimates nothing. */
export const ESTIMATED_TOKENS = WORDS.length / 4 + 1_120;

/** Requests and input tokens. */
export interface Use {
  readonly requests: number;
  readonly tokens: number;
}

/** What the replicas' ledger says was used since the day began. */
export interface Account extends Use {
  readonly reservedTokens: number;
  readonly openReservations: number;
}

/** A built gateway among several that share a Redis. */
export interface Replica {
  readonly process: GatewayProcess;
  readonly url: string;
}

/** An emulator, a Redis, and gateways that share it, each a process of its own. */
export interface AccountingRig {
  readonly emulator: Emulator;
  readonly redis: RedisServer;
  /** Starts one more; resolves when it serves. */
  replica(): Promise<Replica>;
  /** Asks one for an answer and reads it to its end; the status. Rejects where the connection broke or was left. */
  generate(replica: Replica, stream: boolean, signal: AbortSignal): Promise<number>;
  /** What the emulator counted since its ledger was cleared. */
  counted(): Use;
  account(replica: Replica): Promise<Account>;
  /** Sum over the samples of a counter with these labels. */
  counter(replica: Replica, name: string, labels?: string): Promise<number>;
  close(): Promise<void>;
}

export async function accountingRig(): Promise<AccountingRig> {
  await built();
  const emulator = await startEmulator();
  const redis = await startRedisServer();
  const directory = await mkdtemp(join(tmpdir(), 'gateway-accounts-'));
  const config = join(directory, 'own.yaml');
  await writeFile(
    config,
    `projects:
  - id: own
    provider: gemini
    baseUrl: ${emulator.url}
    credentials: { apiKeys: [{ secret: "env:GEMINI_API_KEY" }] }
    limits: { "*": { rpd: ${LIMIT}, tpd: ${LIMIT} } }
tasks: { chat: { models: [gemini-3.8-flash] } }
`,
  );
  const environment = {
    GATEWAY_CONFIG: config,
    GEMINI_API_KEY: 'k',
    GATEWAY_BOOTSTRAP_KEY: KEY,
    REDIS_URL: redis.url,
    // A machine that has more to do than this is no Redis that is away.
    GATEWAY__STORAGE__REDIS__TIMEOUT_MS: '1000',
  };
  const agent = new Agent();
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const get = async (url: string) => (await request(url, { dispatcher: agent, headers })).body;
  return {
    emulator,
    redis,
    async replica() {
      const process = gatewayProcess(environment);
      return { process, url: await process.serving() };
    },
    async generate({ url }, stream, signal) {
      const parts = [{ text: WORDS }, { inlineData: { mimeType: 'image/png', data: IMAGE } }];
      const response = await request(`${url}/v1/generate`, {
        dispatcher: agent,
        method: 'POST',
        headers,
        body: JSON.stringify({ task: 'chat', contents: [{ role: 'user', parts }], stream }),
        signal,
      });
      await response.body.dump({ limit: Infinity, signal });
      return response.statusCode;
    },
    counted() {
      const counts = emulator.ledger.calls.map(({ quotaTokens }) => quotaTokens).filter((count) => count > 0);
      return { requests: counts.length, tokens: counts.reduce((sum, count) => sum + count, 0) };
    },
    async account({ url }) {
      const { targets } = (await (await get(`${url}/v1/quota`)).json()) as {
        targets: {
          model: string;
          openReservations: number;
          buckets: { bucket: string; used?: number; reserved?: number; debt?: number }[];
        }[];
      };
      const target = targets.find(({ model }) => model === 'gemini-3.8-flash');
      const bucket = (name: string) => target?.buckets.find((one) => one.bucket === name);
      const tokens = bucket('inputTokensPerDay');
      return {
        requests: bucket('requestsPerDay')?.used ?? 0,
        tokens: tokens?.used ?? 0,
        reservedTokens: tokens?.reserved ?? 0,
        openReservations: target?.openReservations ?? 0,
      };
    },
    async counter({ url }, name, labels = '') {
      const text = await (await get(`${url}/metrics`)).text();
      const samples = text
        .split('\n')
        .filter((line) => line.startsWith(name) && line.includes(labels))
        .map((line) => Number(line.slice(line.lastIndexOf(' '))));
      return samples.reduce((sum, value) => sum + value, 0);
    },
    async close() {
      endAll();
      await agent.destroy();
      await redis.close();
      await emulator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
