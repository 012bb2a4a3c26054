import { IsInt, Max, Min } from 'class-validator';
import { Doc, ListOf, Nested } from '../config/field.decorator.js';
import { IsSecretRef } from '../config/secret-ref.js';
import { CoalescingConfig } from './coalescing.config.js';

/** A key that stored answers are encrypted with. */
export class CacheKeyConfig {
  @Doc(
    'Reference to the key: a text of at least 32 random characters, as `openssl rand -base64 32` makes it.',
  )
  @IsSecretRef()
  secret!: string;
}

/** Where answers are kept. Which of them, for how long and among whom is a task’s to say. */
export class CacheConfig {
  static readonly section = 'cache';
  static readonly reloadable = false;

  @Doc('Memory that stored answers take in this process, about. The least recently used ones leave first.')
  @IsInt()
  @Min(0)
  memoryBytes: number = 33_554_432;

  @Doc('Largest answer that is stored, about.')
  @IsInt()
  @Min(1_024)
  @Max(67_108_864)
  maxAnswerBytes: number = 4_194_304;

  @Doc('Answers of more bytes are compressed in Redis.')
  @IsInt()
  @Min(0)
  compressAboveBytes: number = 2_048;

  @Doc('Longest wait for Redis; what takes longer is a miss. A new connection is included.')
  @IsInt()
  @Min(1)
  @Max(10_000)
  redisTimeoutMs: number = 50;

  @Doc('Longest time for which a caller may have an answer kept.')
  @IsInt()
  @Min(1_000)
  @Max(2_592_000_000)
  longestCallerTtlMs: number = 86_400_000;

  @Doc('How often replicas look for invalidations.')
  @IsInt()
  @Min(10)
  @Max(1_000)
  invalidationPollMs: number = 400;

  @Doc(
    'Keys of AES-256-GCM for answers in Redis. The first one encrypts, each decrypts: to rotate, put a new one in front, and take the old one away when what it encrypted has expired. Without any, answers are stored readable.',
  )
  @ListOf(() => CacheKeyConfig)
  encryptionKeys: CacheKeyConfig[] = [];

  @Doc('Identical calls at the same time.')
  @Nested(() => CoalescingConfig)
  coalescing: CoalescingConfig = new CoalescingConfig();
}
