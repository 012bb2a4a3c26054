import type { QuotaLimits, QuotaUse } from './quota-ledger.port.js';

/** The largest part that a call takes of any quota counted by the minute, 0 to 1. */
export function costOf(use: QuotaUse, limits: QuotaLimits): number {
  const { requestsPerMinute, inputTokensPerMinute, imagesPerMinute } = limits;
  const parts = [
    use.requests / (requestsPerMinute ?? Infinity),
    use.inputTokens / (inputTokensPerMinute ?? Infinity),
    use.images / (imagesPerMinute ?? Infinity),
  ].filter((part) => part <= 1);
  return Math.max(0, ...parts);
}
