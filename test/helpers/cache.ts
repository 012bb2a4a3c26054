import { CacheConfig } from '../../src/cache/cache.config.js';
import { CachePolicy } from '../../src/cache/cache.policy.js';
import { CacheStats } from '../../src/cache/cache-stats.js';
import type { CacheStore } from '../../src/cache/cache-store.port.js';
import { Coalescer } from '../../src/cache/coalescer.js';
import { type FlightLock, NO_FLIGHT_LOCK } from '../../src/cache/flight-lock.port.js';
import type { InvalidationLog } from '../../src/cache/invalidation-log.port.js';
import { Invalidations } from '../../src/cache/invalidations.js';
import { ReplicaTurns } from '../../src/cache/replica-turns.js';
import { Revalidation } from '../../src/cache/revalidation.js';
import { AnswerTiers } from '../../src/cache/answer-tiers.js';
import { bytesOf, type StoredAnswer } from '../../src/cache/stored-answer.js';
import { ModelsConfig, type ModelConfig } from '../../src/routing/models.config.js';
import { RoutingConfig } from '../../src/routing/routing.config.js';
import { TaskCacheConfig } from '../../src/routing/task-cache.config.js';
import { type GenerationDefaultsConfig, TaskConfig } from '../../src/routing/tasks.config.js';
import { MemoryCacheStore } from '../../src/storage/memory/memory-cache-store.js';
import { MemoryInvalidationLog } from '../../src/storage/memory/memory-invalidation-log.js';
import type { ManualClock } from './manual-clock.js';

/** What may differ in a cache under test. */
export interface CacheOptions {
  readonly shared?: CacheStore<StoredAnswer>;
  readonly log?: InvalidationLog;
  readonly lock?: FlightLock;
  readonly config?: Partial<CacheConfig>;
  /** How much of an answer's time the jitter takes: 0 to 1. */
  readonly random?: number;
}

/** A policy over a memory of its own, with what it is made of. */
export function cacheUnderTest(clock: ManualClock, options: CacheOptions = {}) {
  const config = Object.assign(new CacheConfig(), options.config);
  const stats = new CacheStats();
  const log = options.log ?? new MemoryInvalidationLog();
  const invalidations = new Invalidations({ log, clock, pollMs: config.invalidationPollMs, stats });
  const memory = new MemoryCacheStore<StoredAnswer>({ maxBytes: config.memoryBytes, bytesOf, clock });
  const { shared } = options;
  const tiers = new AnswerTiers({
    memory,
    ...(shared === undefined ? {} : { shared }),
    invalidations,
    clock,
    stats,
  });
  const coalescer = new Coalescer(clock, config.coalescing);
  const revalidation = new Revalidation(clock, stats);
  const random = () => options.random ?? 0;
  const turns = new ReplicaTurns(options.lock ?? NO_FLIGHT_LOCK, clock);
  const policy = new CachePolicy({
    tiers,
    invalidations,
    coalescer,
    turns,
    revalidation,
    config,
    schemaOf: ({ schema }) => schema && { of: `${schema.name}@${schema.version ?? 'last'}` },
    clock,
    random,
  });
  return { policy, stats, invalidations, memory, tiers, revalidation };
}

/** Sections of a configuration with the task `cached` on the model of `callFixture`, whose temperature is 0. */
export function cachedTask(
  cache: Partial<TaskCacheConfig> = {},
  task: Partial<TaskConfig> = {},
  defaults: Partial<GenerationDefaultsConfig> = {},
): readonly object[] {
  const model = 'gemini-3.8-flash';
  const cached = Object.assign(new TaskConfig(), {
    models: [model],
    generation: { temperature: 0 },
    cache: Object.assign(new TaskCacheConfig(), { ttlMs: 60_000, ...cache }),
    ...task,
  });
  const models = {
    [model]: { generation: defaults } as ModelConfig,
    other: { generation: {} } as ModelConfig,
  };
  return [
    Object.assign(new RoutingConfig(), { tasks: { cached } }),
    Object.assign(new ModelsConfig(), { models }),
  ];
}
