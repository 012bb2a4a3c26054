import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../src/core/clock.js';
import type {
  QuotaLedger,
  QuotaLimits,
  QuotaTarget,
  QuotaUse,
  Reservation,
} from '../../../src/quota/quota-ledger.port.js';
import { MemoryQuotaLedger } from '../../../src/storage/memory/memory-quota-ledger.js';
import { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisQuotaLedger } from '../../../src/storage/redis/redis-quota-ledger.js';
import { RedisConfig } from '../../../src/storage/storage.config.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';

/** An empty ledger, and the time that it goes by. */
export interface LedgerUnderTest {
  readonly ledger: QuotaLedger;
  readonly clock: ManualClock;
  readonly advance: (byMs: number) => Promise<void>;
  /** Sets the calendar, as an operator would. */
  readonly setWall: (wallMs: number) => Promise<void>;
}

/** An engine that keeps the contract. */
export interface Engine {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A new ledger, at a moment that begins a step of every window. */
  open(wallMs?: number): Promise<LedgerUnderTest>;
}

const NOON = Date.UTC(2026, 6, 15, 19);

const memory: Engine = {
  name: 'memory',
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  open(wallMs = NOON) {
    const clock = new ManualClock(wallMs);
    return Promise.resolve({
      ledger: new MemoryQuotaLedger(clock),
      clock,
      advance: (byMs) => Promise.resolve(clock.advance(byMs)),
      setWall: (to) => Promise.resolve(clock.setWall(to)),
    });
  },
};

/**
 * The server goes by its own time when it throws keys away. Here they live a thousand times longer, so that a machine
 * that is slow, while the time of the test stands still, loses none.
 */
const KEPT_LONGER = `
local server = redis
local redis = {
  call = function(name, ...)
    local words = { ... }
    if name == 'SET' and words[3] == 'PX' then words[4] = words[4] * 1000 end
    if name == 'PEXPIRE' then words[2] = words[2] * 1000 end
    local reply = server.call(name, unpack(words))
    if name == 'PTTL' and reply > 0 then return reply / 1000 end
    return reply
  end,
}`;

/** With a key in place of the server's time. */
class RedisEngine implements Engine {
  readonly name = 'Redis';
  #server!: RedisServer;
  #connection!: RedisConnection;

  async start(): Promise<void> {
    this.#server = await startRedisServer();
    this.#connection = connectionTo(this.#server.url);
  }

  async stop(): Promise<void> {
    this.#connection.close();
    await this.#server.close();
  }

  async open(wallMs = NOON): Promise<LedgerUnderTest> {
    const clock = new ManualClock(wallMs);
    const time = `clock:${randomUUID()}`;
    const tell = async (): Promise<void> =>
      void (await this.#connection.send(time, ['SET', time, String(clock.wallMs())]));
    await tell();
    // Every ledger has a server of its own.
    await this.#connection.send('', ['FLUSHALL']);
    await tell();
    return {
      ledger: new RedisQuotaLedger({
        connection: this.#connection,
        clock,
        replica: 'r',
        time: `${KEPT_LONGER}\nlocal now = tonumber(redis.call('GET', '${time}'))`,
      }),
      clock,
      advance: (byMs) => {
        clock.advance(byMs);
        return tell();
      },
      setWall: (to) => {
        clock.setWall(to);
        return tell();
      },
    };
  }
}

/** Every engine; each suite starts and stops them for itself. */
export const ENGINES: readonly Engine[] = [memory, new RedisEngine()];

/** A connection of the suite's own. */
export function connectionTo(url: string, settings: Partial<RedisConfig> = {}): RedisConnection {
  // A machine that is slow is no Redis that is away: the suites have bounds of their own.
  const config = Object.assign(new RedisConfig(), { timeoutMs: 60_000, ...settings });
  return new RedisConnection({ id: 'url', current: () => url }, config, systemClock, Math.random);
}

export const TARGET: QuotaTarget = { project: 'p', location: 'global', model: 'gemini-3.8-flash' };

let made = 0;

/** A reservation of one request, unless told otherwise. */
export function asking(
  limits: QuotaLimits,
  estimate: Partial<QuotaUse> = {},
  more: Partial<Reservation> = {},
): Reservation {
  made += 1;
  return {
    id: `call-${made}`,
    target: TARGET,
    estimate: { requests: 1, inputTokens: 0, images: 0, nanoUsd: 0, ...estimate },
    limits,
    ttlMs: 60_000,
    ...more,
  };
}
