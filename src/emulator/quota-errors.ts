import type { JsonObject } from '../core/json.js';
import { refusal, type Refusal } from './google-errors.js';

/** Which of Google's limits is met. `gate` is a limit of zero: billing or tier, where waiting does not help. */
export type QuotaKind = 'rate-minute' | 'rate-tokens' | 'rate-day' | 'gate';

/** Whose numbers and names the limits carry. */
export type QuotaTier = 'free' | 'paid' | 'paid-tier-2';

/** A limit that was met. */
export interface ExceededQuota {
  readonly kind: QuotaKind;
  readonly tier: QuotaTier;
  readonly model: string;
  readonly location: string;
  readonly limit: number;
  /** Until the limit allows calls again. */
  readonly retryAfterMs: number;
  /** What the message says of it, where that disagrees. */
  readonly proseMs?: number;
}

const PREFIX = 'generativelanguage.googleapis.com';
const RPM_ID = 'GenerateRequestsPerMinutePerProjectPerModel';
const RPD_ID = 'GenerateRequestsPerDayPerProjectPerModel';

type Names = Readonly<Record<QuotaTier, { readonly id: string; readonly metric: string }>>;

const REQUESTS_PER_MINUTE: Names = {
  free: { id: `${RPM_ID}-FreeTier`, metric: 'generate_content_free_tier_requests' },
  paid: { id: RPM_ID, metric: 'generate_requests_per_model' },
  'paid-tier-2': { id: `${RPM_ID}-PaidTier2`, metric: 'generate_requests_per_model' },
};

const NAMES = {
  'rate-minute': REQUESTS_PER_MINUTE,
  gate: REQUESTS_PER_MINUTE,
  'rate-tokens': {
    free: {
      id: 'GenerateContentInputTokensPerModelPerMinute-FreeTier',
      metric: 'generate_content_free_tier_input_token_count',
    },
    paid: {
      id: 'GenerateContentPaidTierInputTokensPerModelPerMinute',
      metric: 'generate_content_paid_tier_input_token_count',
    },
    'paid-tier-2': {
      id: 'GenerateContentPaidTierInputTokensPerModelPerMinute-PaidTier2',
      metric: 'generate_content_paid_tier_2_input_token_count',
    },
  },
  'rate-day': {
    free: { id: `${RPD_ID}-FreeTier`, metric: 'generate_content_free_tier_requests' },
    paid: { id: RPD_ID, metric: 'generate_requests_per_model_per_day' },
    'paid-tier-2': { id: `${RPD_ID}-PaidTier2`, metric: 'generate_requests_per_model_per_day' },
  },
} as const satisfies Record<QuotaKind, Names>;

const FRAME =
  'You exceeded your current quota, please check your plan and billing details. For more information on this ' +
  'error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: ' +
  'https://ai.dev/rate-limit. ';

/** The 429 that Google answers at that limit: QuotaFailure, RetryInfo and the same in prose. */
export function quotaExceeded(exceeded: ExceededQuota): Refusal {
  const { id, metric } = NAMES[exceeded.kind][exceeded.tier];
  const prose = `Please retry in ${proseDuration(exceeded.proseMs ?? exceeded.retryAfterMs)}.`;
  const violation: JsonObject = {
    quotaMetric: `${PREFIX}/${metric}`,
    quotaId: id,
    quotaDimensions: { location: exceeded.location, model: exceeded.model },
    quotaValue: String(exceeded.limit),
  };
  return refusal(
    exceeded.kind,
    429,
    `${FRAME}\n* Quota exceeded for metric: ${PREFIX}/${metric}, limit: ${exceeded.limit}, ` +
      `model: ${exceeded.model}\n${prose}`,
    [
      { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [violation] },
      {
        '@type': 'type.googleapis.com/google.rpc.Help',
        links: [
          {
            description: 'Learn more about Gemini API quotas',
            url: 'https://ai.google.dev/gemini-api/docs/rate-limits',
          },
        ],
      },
      {
        '@type': 'type.googleapis.com/google.rpc.RetryInfo',
        retryDelay: `${Math.ceil(exceeded.retryAfterMs / 1000)}s`,
      },
    ],
  );
}

/** Capacity shared by all of Google's customers ran out: a 429 that names no quota. */
export const sharedCapacity: Refusal = refusal(
  'shared-capacity',
  429,
  'Resource exhausted. Please try again later. Please refer to ' +
    'https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.',
);

/** `1h52m56.409s`, as in the message. */
function proseDuration(durationMs: number): string {
  const hours = Math.floor(durationMs / 3_600_000);
  const minutes = Math.floor((durationMs % 3_600_000) / 60_000);
  const seconds = `${(durationMs % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
