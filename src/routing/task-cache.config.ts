import { IsBoolean, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** Longest time for which an answer may be kept. */
const LONGEST_MS = 30 * 86_400_000;

/** Among whom stored answers are shared. */
export const CACHE_SCOPES = ['tenant', 'team', 'user', 'shared'] as const;
export type CacheScope = (typeof CACHE_SCOPES)[number];

/** How answers of a task are kept. */
export class TaskCacheConfig {
  @Doc('How long an answer is fresh. Up to a tenth less is taken off at random, so that not all end at once.')
  @IsInt()
  @Min(1_000)
  @Max(LONGEST_MS)
  ttlMs!: number;

  @Doc(
    'Who gets the answers that a call left: callers of its tenant, team or user, or everybody (`shared`: across tenants).',
  )
  @IsIn(CACHE_SCOPES)
  scope: CacheScope = 'tenant';

  @Doc('How long after its time an answer is still given while another one is fetched behind it.')
  @IsInt()
  @Min(0)
  @Max(LONGEST_MS)
  staleWhileRevalidateMs: number = 0;

  @Doc('How long after its time an answer is still given where no upstream answers.')
  @IsInt()
  @Min(0)
  @Max(LONGEST_MS)
  staleIfErrorMs: number = 0;

  @Doc('Keep answers that call tools, too.')
  @IsBoolean()
  toolCalls: boolean = false;

  @Doc(
    'Keep answers whatever the temperature. Otherwise only those at temperature 0, as the call, the task or the model sets it: an unset one is Google’s, above 0.',
  )
  @IsBoolean()
  anyTemperature: boolean = false;

  @Doc(
    'Of several replicas with the same question at the same time one goes upstream, and the others wait so long at most for what it stores. Needs Redis. Off when absent: then each replica goes upstream once.',
  )
  @IsInt()
  @Min(1)
  @Max(120_000)
  @IsOptional()
  replicaWaitMs?: number;
}
