import type { GenerateContentRequest } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { invalidArgument, type Refusal } from './google-errors.js';
import { type Prompt, readPrompt } from './prompt.js';
import { checkShape } from './request-checks.js';
import type { Api } from './usage.js';

/** What an operation that is no generation answers. */
export interface PlainAnswer {
  readonly body: JsonObject;
  readonly prompt: Prompt;
}

/** countTokens: of `contents`, or of a whole `generateContentRequest`, but not of both. */
export function countTokens(
  request: JsonObject,
  api: Api,
  cachedTokens: CachedTokens,
): PlainAnswer | Refusal {
  const whole = request.generateContentRequest;
  if (whole !== undefined && request.contents !== undefined)
    return invalidArgument(
      'Invalid value: exactly one of contents and generate_content_request may be set in a CountTokensRequest.',
    );
  const counted = (isJsonObject(whole) ? whole : request) as GenerateContentRequest;
  const fault = checkShape(counted);
  if (fault !== undefined) return fault;
  const prompt = readPrompt(counted);
  const cached = counted.cachedContent === undefined ? 0 : (cachedTokens(counted.cachedContent) ?? 0);
  const body: JsonObject = { totalTokens: prompt.tokens + cached, promptTokensDetails: prompt.details };
  if (cached > 0) {
    body.cachedContentTokenCount = cached;
    body.cacheTokensDetails = [{ modality: 'TEXT', tokenCount: cached }];
  }
  if (api === 'vertex') body.totalBillableCharacters = prompt.tokens * 4;
  return { body, prompt };
}

/** Tokens of the cached content with that name; undefined when there is none. */
export type CachedTokens = (name: string) => number | undefined;
