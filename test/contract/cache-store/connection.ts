import { systemClock } from '../../../src/core/clock.js';
import { RedisConnection } from '../../../src/storage/redis/redis-connection.js';
import { RedisConfig } from '../../../src/storage/storage.config.js';

/** A connection as a gateway has it, with more patience unless told otherwise. */
export function connectionTo(url: string, settings: Partial<RedisConfig> = {}): RedisConnection {
  const config = Object.assign(new RedisConfig(), { timeoutMs: 2_000, ...settings });
  return new RedisConnection({ id: 'url', current: () => url }, config, systemClock, Math.random);
}
