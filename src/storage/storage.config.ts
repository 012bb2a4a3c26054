import { IsBoolean, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { Doc, Env, Nested } from '../config/field.decorator.js';
import { IsSecretRef } from '../config/secret-ref.js';

/** The Redis that replicas share. */
export class RedisConfig {
  @Doc(
    'Reference to the URL, `redis://[user:password@]host[:port][/database]` or `rediss://…` for TLS. Redis 7 or newer. Without it each replica counts, caches and keeps signatures for itself.',
  )
  @Env('REDIS_URL', 'reference')
  @IsSecretRef()
  @IsOptional()
  url?: string;

  @Doc(
    'Longest wait for an answer, a new connection included. After it the rule for a Redis that is away decides.',
  )
  @IsInt()
  @Min(1)
  @Max(10_000)
  timeoutMs: number = 50;

  @Doc('What every key begins with.')
  @Matches(/^[\w.:-]{0,64}$/)
  keyPrefix: string = 'gemini-gateway:';

  @Doc('The URL is that of a node of a Redis Cluster; the others are found by it.')
  @IsBoolean()
  cluster: boolean = false;
}

/** Where state is kept that outlives a request. */
export class StorageConfig {
  static readonly section = 'storage';
  static readonly reloadable = false;

  @Doc('The Redis that replicas share.')
  @Nested(() => RedisConfig)
  redis: RedisConfig = new RedisConfig();
}
