import { IsIn, IsInt, IsNumber, Max, Min } from 'class-validator';
import { Doc, MapOf } from '../config/field.decorator.js';

/** Who decides while the Redis that replicas share is out of reach. */
export const LEDGER_RULES = ['local', 'allow', 'refuse'] as const;
export type LedgerRule = (typeof LEDGER_RULES)[number];

/** A team, seen from the quotas that it shares with others. */
export class TeamShareConfig {
  @Doc(
    'How much of the quotas the team gets when calls of several teams wait, beside the weights of the others.',
  )
  @IsNumber()
  @Min(0.001)
  @Max(1_000)
  weight: number = 1;
}

/** How Google's quotas are counted, and who waits for them how. */
export class QuotaConfig {
  static readonly section = 'quota';
  static readonly reloadable = false;

  @Doc(
    'While the shared Redis is out of reach: `local` counts in each replica with its share of the limits, `allow` lets every call through, `refuse` none.',
  )
  @IsIn(LEDGER_RULES)
  whenRedisIsAway: LedgerRule = 'local';

  @Doc('How many replicas `local` divides limits by as long as Redis has not counted them.')
  @IsInt()
  @Min(1)
  @Max(10_000)
  assumedReplicas: number = 1;

  @Doc(
    'Share of every quota that calls of the class `batch` leave to the others; a call that waited `agingMs` is none of them any more.',
  )
  @IsNumber()
  @Min(0)
  @Max(0.95)
  keptFromBatch: number = 0.3;

  @Doc('How many calls of one class may wait for room in a quota; one more is refused as QUEUE_FULL.')
  @IsInt()
  @Min(0)
  @Max(100_000)
  maxWaitingPerClass: number = 500;

  @Doc(
    'After so long one call in ten that go through, or one each time so long, is the one that waits longest, whatever its class.',
  )
  @IsInt()
  @Min(100)
  agingMs: number = 15_000;

  @Doc('Teams whose weight is not 1, by name.')
  @MapOf(() => TeamShareConfig)
  teams: Record<string, TeamShareConfig> = {};
}
