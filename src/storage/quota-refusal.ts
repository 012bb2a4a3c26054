import type { QuotaDecision } from '../quota/quota-ledger.port.js';

export type QuotaRefusal = Extract<QuotaDecision, { admitted: false }>;

/** The refusal that must be waited for longest, the first of several; undefined where there is none. */
export function worstRefusal(refusals: Iterable<QuotaRefusal | undefined>): QuotaRefusal | undefined {
  let worst: QuotaRefusal | undefined;
  for (const refusal of refusals)
    if (refusal !== undefined && (worst === undefined || refusal.retryAfterMs > worst.retryAfterMs))
      worst = refusal;
  return worst;
}
