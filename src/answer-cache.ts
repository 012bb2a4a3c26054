import type { BeforeApplicationShutdown, Provider } from '@nestjs/common';
import { CacheConfig } from './cache/cache.config.js';
import { CachePolicy } from './cache/cache.policy.js';
import { CacheStats } from './cache/cache-stats.js';
import type { SchemaOf } from './cache/cache-terms.js';
import type { CacheStore } from './cache/cache-store.port.js';
import { Coalescer } from './cache/coalescer.js';
import { type FlightLock, NO_FLIGHT_LOCK } from './cache/flight-lock.port.js';
import type { InvalidationLog } from './cache/invalidation-log.port.js';
import { Invalidations } from './cache/invalidations.js';
import { ReplicaTurns } from './cache/replica-turns.js';
import { Revalidation } from './cache/revalidation.js';
import { AnswerTiers } from './cache/answer-tiers.js';
import { bytesOf, type StoredAnswer } from './cache/stored-answer.js';
import { ConfigStore } from './config/config-store.js';
import { sectionToken } from './config/config.module.js';
import { SecretStore } from './config/secrets.js';
import { Clock } from './core/clock.js';
import { MemoryCacheStore } from './storage/memory/memory-cache-store.js';
import { MemoryInvalidationLog } from './storage/memory/memory-invalidation-log.js';
import { NamedSchemas } from './structured-output/named-schemas.js';
import { RedisConfig, StorageConfig } from './storage/storage.config.js';

/** What replicas share, with what ends with it. */
interface Shared {
  readonly answers?: CacheStore<StoredAnswer>;
  readonly log: InvalidationLog;
  readonly lock: FlightLock;
  readonly close: () => void;
}

/** The process's stored answers: in memory, and behind that in the Redis that replicas share where one is configured. */
export class AnswerCache implements BeforeApplicationShutdown {
  readonly stats = new CacheStats();
  readonly memory: MemoryCacheStore<StoredAnswer>;
  readonly coalescer: Coalescer;
  readonly turns: ReplicaTurns;
  readonly invalidations: Invalidations;
  readonly policy: CachePolicy;
  readonly #revalidation: Revalidation;

  constructor(
    config: CacheConfig,
    clock: Clock,
    schemaOf: SchemaOf,
    private readonly shared: Shared,
  ) {
    const { stats } = this;
    const { answers, log, lock } = shared;
    this.memory = new MemoryCacheStore({ maxBytes: config.memoryBytes, bytesOf, clock });
    this.coalescer = new Coalescer(clock, config.coalescing);
    this.turns = new ReplicaTurns(lock, clock);
    this.invalidations = new Invalidations({ log, clock, pollMs: config.invalidationPollMs, stats });
    this.#revalidation = new Revalidation(clock, stats);
    this.policy = new CachePolicy({
      tiers: new AnswerTiers({
        memory: this.memory,
        ...(answers === undefined ? {} : { shared: answers }),
        invalidations: this.invalidations,
        clock,
        stats,
      }),
      invalidations: this.invalidations,
      coalescer: this.coalescer,
      turns: this.turns,
      revalidation: this.#revalidation,
      config,
      schemaOf,
      clock,
      random: Math.random,
    });
  }

  beforeApplicationShutdown(): void {
    this.#revalidation.close();
    this.invalidations.close();
    this.shared.close();
  }
}

async function answerCache(
  storage: StorageConfig,
  config: CacheConfig,
  secrets: SecretStore,
  clock: Clock,
  store: ConfigStore,
): Promise<AnswerCache> {
  const named = new NamedSchemas(store);
  const schemaOf: SchemaOf = ({ schema, config }) =>
    schema && named.find(schema.name, schema.version, config)?.schema;
  return new AnswerCache(config, clock, schemaOf, await sharedBy(storage, config, secrets, clock));
}

/** What a process without Redis does not need to load is loaded only with one. */
async function sharedBy(
  { redis }: StorageConfig,
  config: CacheConfig,
  secrets: SecretStore,
  clock: Clock,
): Promise<Shared> {
  if (redis.url === undefined)
    return { log: new MemoryInvalidationLog(), lock: NO_FLIGHT_LOCK, close: () => undefined };
  const [
    { RedisConnection },
    { RedisCacheStore },
    { RedisInvalidationLog },
    { RedisFlightLock },
    { SealedAnswers },
    { AnswerCodec },
    { AnswerCipher },
  ] = await Promise.all([
    import('./storage/redis/redis-connection.js'),
    import('./storage/redis/redis-cache-store.js'),
    import('./storage/redis/redis-invalidation-log.js'),
    import('./storage/redis/redis-flight-lock.js'),
    import('./cache/sealed-answers.js'),
    import('./cache/answer-codec.js'),
    import('./cache/answer-cipher.js'),
  ]);
  // A connection of its own: large values must not hold up the quota ledger.
  const settings = Object.assign(new RedisConfig(), redis, { timeoutMs: config.redisTimeoutMs });
  const connection = new RedisConnection(secrets.watch(redis.url), settings, clock, Math.random);
  const cipher = new AnswerCipher(config.encryptionKeys.map(({ secret }) => secrets.watch(secret)));
  const { compressAboveBytes, maxAnswerBytes: maxBytes } = config;
  const codec = new AnswerCodec({ compressAboveBytes, maxBytes, cipher });
  return {
    answers: new SealedAnswers(new RedisCacheStore(connection), codec),
    log: new RedisInvalidationLog(connection, clock),
    lock: new RedisFlightLock(connection, clock),
    close: () => connection.close(),
  };
}

/** Providers of the stored answers, and of what others need of them. */
export const ANSWER_CACHE_PROVIDERS: Provider[] = [
  {
    provide: AnswerCache,
    inject: [sectionToken(StorageConfig), sectionToken(CacheConfig), SecretStore, Clock, ConfigStore],
    useFactory: answerCache,
  },
  { provide: CachePolicy, inject: [AnswerCache], useFactory: ({ policy }: AnswerCache) => policy },
  {
    provide: Invalidations,
    inject: [AnswerCache],
    useFactory: ({ invalidations }: AnswerCache) => invalidations,
  },
];
