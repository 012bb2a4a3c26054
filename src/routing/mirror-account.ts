import { DailyAllowance } from './daily-allowance.js';

/**
 * Why a call that was drawn was not copied: the gateway is shutting down; as many copies as allowed are under way; it
 * could cost more than is left of the day's cap; no price applies to it; it uses tools that are billed beside tokens;
 * the target is over its quota or failed too often.
 */
export type MirrorRefusal = 'stopping' | 'in_flight' | 'budget' | 'no_price' | 'billed_tools' | 'resting';

/** What became of the copies of one task's calls, since the start unless it says otherwise. */
export interface MirrorStats {
  /** Copies sent. */
  readonly calls: number;
  /** Those of them that failed. */
  readonly failed: number;
  /** Those of them that are under way. */
  readonly inFlight: number;
  readonly refused: Readonly<Record<MirrorRefusal, number>>;
  /** Spent in this UTC day, without what is under way. */
  readonly spentNanoUsd: number;
}

/** The counts of one task, and what it may spend. */
export class MirrorAccount {
  calls = 0;
  failed = 0;
  inFlight = 0;
  readonly refused = {
    stopping: 0,
    in_flight: 0,
    budget: 0,
    no_price: 0,
    billed_tools: 0,
    resting: 0,
  } satisfies Record<MirrorRefusal, number>;
  readonly allowance = new DailyAllowance();

  /** The counts as they stand. */
  stats(wallMs: number): MirrorStats {
    const { calls, failed, inFlight, refused, allowance } = this;
    return { calls, failed, inFlight, refused: { ...refused }, spentNanoUsd: allowance.spentNanoUsd(wallMs) };
  }
}
