import type { LedgerState } from './resilient-quota-ledger.js';

/** How it stands with the quota ledger. */
export interface LedgerStatus {
  /** Undefined where each replica counts for itself. */
  readonly state: LedgerState | undefined;
}

/** Injection token of the status. */
export const LedgerStatus = Symbol('LedgerStatus');
