import type { Candidate, GenerateContentResponse } from '../core/gemini-wire.js';
import {
  badKey,
  cancelled,
  deadlineExceeded,
  forbidden,
  htmlNotFound,
  internal,
  JSON_TYPE,
  modelNotFound,
  overloaded,
  schemaTooComplex,
  type Refusal,
  unauthorized,
} from './google-errors.js';
import { type ExceededQuota, quotaExceeded, type QuotaKind, sharedCapacity } from './quota-errors.js';
import type { ModelRoute } from './routes.js';
import type { ScenarioSettings } from './scenario-settings.js';

/** What a scenario does to a call. */
export type Effect =
  /** The ordinary answer, or the scenario's own. */
  | { readonly type: 'answer' }
  /** An error, or another document, in place of the answer. */
  | { readonly type: 'refuse'; refusal(scenario: ScenarioSettings, route: ModelRoute): Refusal }
  /** The answer, changed; `keepsChunks` when a stream shows its text before. */
  | {
      readonly type: 'reshape';
      readonly keepsChunks: boolean;
      reshape(response: GenerateContentResponse): GenerateContentResponse;
    }
  /** An error in the middle of a stream; unary calls fail with it from the start. */
  | { readonly type: 'break'; readonly raw: boolean; readonly error: Refusal }
  /** The last message of the answer, spoilt; `cut` when nothing follows it, not even what ends a message. */
  | { readonly type: 'garble'; readonly cut: boolean; garble(json: string): string }
  /** No byte at all: the connection is reset, or stays open for ever. */
  | { readonly type: 'reset' }
  | { readonly type: 'silence' };

const refuses = (refusal: Refusal): Effect => ({ type: 'refuse', refusal: () => refusal });

/** Numbers of the recorded bodies. */
const RECORDED = {
  'rate-minute': { tier: 'free', limit: 5, retryAfterMs: 46_000 },
  'rate-tokens': { tier: 'paid-tier-2', limit: 3_000_000, retryAfterMs: 14_000, proseMs: 51_386.192716 },
  'rate-day': { tier: 'paid', limit: 100, retryAfterMs: 6_776_409 },
  gate: { tier: 'free', limit: 0, retryAfterMs: 35_000 },
} as const satisfies Record<QuotaKind, Omit<ExceededQuota, 'kind' | 'model' | 'location'>>;

const meets = (kind: QuotaKind): Effect => ({
  type: 'refuse',
  refusal: (scenario, route) =>
    quotaExceeded({
      kind,
      model: route.model,
      location: route.location,
      ...RECORDED[kind],
      ...(scenario.tier === undefined ? {} : { tier: scenario.tier }),
      ...(scenario.retryDelayMs === undefined
        ? {}
        : { retryAfterMs: scenario.retryDelayMs, proseMs: scenario.retryDelayMs }),
    }),
});

/** Every candidate replaced by what `make` makes of it, and no candidate tokens counted. */
const reshapes = (make: (candidate: Candidate) => Candidate, keepsChunks = false): Effect => ({
  type: 'reshape',
  keepsChunks,
  reshape: (response) => ({
    ...response,
    candidates: (response.candidates ?? []).map(make),
    ...(keepsChunks ? {} : withoutOutput(response)),
  }),
});

const ends = (finishReason: string, extra: Candidate = {}): Effect =>
  reshapes(({ index = 0 }) => ({ finishReason, index, ...extra }));

function withoutOutput({ usageMetadata = {} }: GenerateContentResponse): GenerateContentResponse {
  const {
    candidatesTokenCount = 0,
    candidatesTokensDetails: _details,
    totalTokenCount = 0,
    ...rest
  } = usageMetadata;
  return { usageMetadata: { ...rest, totalTokenCount: totalTokenCount - candidatesTokenCount } };
}

const withoutCandidates = (response: GenerateContentResponse): GenerateContentResponse => {
  const { candidates: _candidates, ...rest } = { ...response, ...withoutOutput(response) };
  return rest;
};

const blockedPrompt = (response: GenerateContentResponse): GenerateContentResponse => {
  const { promptTokenCount = 0, promptTokensDetails = [] } = response.usageMetadata ?? {};
  return {
    ...withoutCandidates(response),
    promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
    usageMetadata: { promptTokenCount, totalTokenCount: promptTokenCount, promptTokensDetails },
  };
};

/** What each kind of scenario does. */
export const SCENARIO_KINDS = {
  answer: { type: 'answer' },
  'bad-key': refuses(badKey),
  unauthorized: refuses(unauthorized),
  forbidden: refuses(forbidden),
  'not-found': {
    type: 'refuse',
    refusal: (_scenario, route) => modelNotFound(route.model, route.version, route.operation),
  },
  'rate-minute': meets('rate-minute'),
  'rate-tokens': meets('rate-tokens'),
  'rate-day': meets('rate-day'),
  gate: meets('gate'),
  'shared-capacity': refuses(sharedCapacity),
  'schema-too-complex': refuses(schemaTooComplex),
  'cancelled-499': refuses(cancelled),
  'internal-500': refuses(internal),
  'unavailable-503': refuses(overloaded),
  'deadline-504': refuses(deadlineExceeded),
  'html-404': refuses(htmlNotFound),
  'html-200': refuses({ ...htmlNotFound, status: 200, outcome: 'html-200' }),
  raw: {
    type: 'refuse',
    refusal: (scenario) => ({
      status: scenario.status ?? 200,
      outcome: 'raw',
      contentType: scenario.contentType ?? JSON_TYPE,
      body: scenario.rawBody ?? '',
    }),
  },
  'mid-stream-error-event': { type: 'break', raw: false, error: overloaded },
  'mid-stream-error-raw': { type: 'break', raw: true, error: cancelled },
  'prompt-block': { type: 'reshape', keepsChunks: false, reshape: blockedPrompt },
  safety: ends('SAFETY', {
    safetyRatings: [{ category: 'HARM_CATEGORY_HARASSMENT', probability: 'HIGH', blocked: true }],
  }),
  recitation: reshapes(({ index = 0 }) => ({ finishReason: 'RECITATION', index }), true),
  'empty-content': reshapes(({ index = 0 }) => ({ content: { role: 'model' }, finishReason: 'STOP', index })),
  'max-tokens-thoughts': reshapes(({ index = 0 }) => ({ content: {}, finishReason: 'MAX_TOKENS', index })),
  'missing-candidates': { type: 'reshape', keepsChunks: false, reshape: withoutCandidates },
  'no-finish': reshapes(({ finishReason: _finishReason, ...rest }) => rest, true),
  'malformed-function-call': ends('MALFORMED_FUNCTION_CALL', {
    finishMessage: 'Malformed function call: call default_api.unknown(',
  }),
  'invalid-json': { type: 'garble', cut: false, garble: (json) => json.replace('":', '" ') },
  'truncated-json': {
    type: 'garble',
    cut: true,
    garble: (json) => json.slice(0, Math.floor(json.length / 2)),
  },
  'reset-before-headers': { type: 'reset' },
  silence: { type: 'silence' },
} as const satisfies Record<string, Effect>;

/** Name of a kind of scenario. */
export type ScenarioKind = keyof typeof SCENARIO_KINDS;
