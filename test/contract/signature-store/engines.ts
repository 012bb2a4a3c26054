import { systemClock } from '../../../src/core/clock.js';
import { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisSignatureStore } from '../../../src/storage/redis/redis-signature-store.js';
import { RedisConfig } from '../../../src/storage/storage.config.js';
import { MemorySignatureStore } from '../../../src/transport/http/memory-signature-store.js';
import { SignaturesConfig } from '../../../src/transport/http/signatures.config.js';
import type { SignatureStore } from '../../../src/transport/signature.port.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { type RedisServer, startRedisServer } from '../../helpers/redis-server.js';

export const TTL_MS = 3_600_000;

/** An empty store, and the time that it goes by. */
export interface StoreUnderTest {
  readonly store: SignatureStore;
  readonly advance: (byMs: number) => Promise<void>;
}

/** An engine that keeps the contract. */
export interface Engine {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  open(): Promise<StoreUnderTest>;
}

const memory: Engine = {
  name: 'memory',
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  open() {
    const clock = new ManualClock();
    const config = Object.assign(new SignaturesConfig(), { ttlMs: TTL_MS });
    return Promise.resolve({
      store: new MemorySignatureStore(config, clock),
      advance: (byMs) => Promise.resolve(clock.advance(byMs)),
    });
  },
};

/** Its server's time cannot be moved: what is left of every key is, instead. */
class RedisEngine implements Engine {
  #server!: RedisServer;
  #connection!: RedisConnection;

  constructor(
    readonly name: string,
    private readonly cluster: boolean,
  ) {}

  async start(): Promise<void> {
    this.#server = await startRedisServer({ cluster: this.cluster });
    this.#connection = connectionTo(this.#server.url, { cluster: this.cluster });
    await this.#connection.ready();
  }

  async stop(): Promise<void> {
    this.#connection.close();
    await this.#server.close();
  }

  async open(): Promise<StoreUnderTest> {
    await this.#server.command('FLUSHALL');
    return {
      store: new RedisSignatureStore(this.#connection, TTL_MS),
      advance: (byMs) => this.#age(byMs),
    };
  }

  async #age(byMs: number): Promise<void> {
    for (const key of (await this.#server.command('KEYS', '*')) as string[]) {
      const leftMs = Number(await this.#server.command('PTTL', key));
      // A key without an end would be there for ever.
      if (leftMs < 0) throw new Error('a key that does not go away by itself');
      await this.#server.command('PEXPIRE', key, String(leftMs - byMs));
    }
  }
}

/** Every engine; each suite starts and stops them for itself. */
export const ENGINES: readonly Engine[] = [
  memory,
  new RedisEngine('Redis', false),
  new RedisEngine('Redis Cluster', true),
];

/** A connection of the suite's own. */
export function connectionTo(url: string, settings: Partial<RedisConfig> = {}): RedisConnection {
  const config = Object.assign(new RedisConfig(), { timeoutMs: 5_000, ...settings });
  return new RedisConnection({ id: 'url', current: () => url }, config, systemClock, Math.random);
}
