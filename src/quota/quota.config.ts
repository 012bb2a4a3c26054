import { IsIn, IsInt, Max, Min } from 'class-validator';
import { Doc } from '../config/field.decorator.js';

/** Who decides while the Redis that replicas share is out of reach. */
export const LEDGER_RULES = ['local', 'allow', 'refuse'] as const;
export type LedgerRule = (typeof LEDGER_RULES)[number];

/** How Google's quotas are counted. */
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
}
