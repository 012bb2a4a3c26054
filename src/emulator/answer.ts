import type { Candidate, GenerateContentRequest, GenerateContentResponse } from '../core/gemini-wire.js';
import type { JsonObject } from '../core/json.js';
import { CandidateWriter } from './candidate-writer.js';
import { findModel } from './models.js';
import { outputBudget } from './output-budget.js';
import { type Prompt, readPrompt } from './prompt.js';
import { hashText } from './random.js';
import { thinkingOf } from './thinking.js';
import { type Api, usageMetadata } from './usage.js';

/** What shapes an answer beside model and request. */
export interface AnswerOptions {
  /** Answers are the same for the same seed and request. 0 by default. */
  readonly seed?: number;
  readonly api?: Api;
  /** The request as already read. */
  readonly prompt?: Prompt;
  /** Tokens of the cached content that the request names. */
  readonly cachedTokens?: number;
  /** Whether the answer is streamed; models that can continue stop earlier when it is not. */
  readonly stream?: boolean;
  /** The text to answer with, in place of the echo. */
  readonly text?: string;
}

/** Pages that a search puts before the model. */
const SEARCH_TOKENS = 120;

const REQUEST_FIELDS: ReadonlySet<string> = new Set(
  (
    'model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent ' +
    'serviceTier store continuationToken labels routingConfig modelArmorConfig'
  ).split(' '),
);

/**
 * A whole answer: an echo of the last user text, a JSON document when a schema asks for one, or function calls;
 * with Google's counts, finish reasons and thought signatures. The same for the same seed, model and request.
 * Top-level request fields that Google does not have come back under `unknownFieldsSeen`.
 */
export function answer(
  model: string,
  request: GenerateContentRequest,
  options: AnswerOptions = {},
): GenerateContentResponse {
  const seed = options.seed ?? 0;
  const api = options.api ?? 'developer';
  const prompt = options.prompt ?? readPrompt(request);
  const known = findModel(model);
  const config = request.generationConfig ?? {};
  const budget = outputBudget(known, request, options.stream === true);
  const thinking = thinkingOf(known, config, prompt.hash, budget.tokens);
  const writer = new CandidateWriter({
    model: known,
    request,
    prompt,
    seed,
    budget: { ...budget, tokens: budget.tokens - thinking.tokens },
    fixedText: options.text,
  });
  const candidates: Candidate[] = [];
  for (let index = 0; index < (config.candidateCount ?? 1); index++) {
    const candidate = writer.candidate(index);
    if (thinking.summary !== undefined)
      candidate.content?.parts?.unshift({ text: thinking.summary, thought: true });
    candidates.push(candidate);
  }
  const output = {
    text: writer.textTokens,
    image: writer.imageTokens,
    thoughts: thinking.tokens,
    toolUse: writer.searches ? SEARCH_TOKENS : 0,
    cached: options.cachedTokens ?? 0,
  };
  const tier = typeof request.serviceTier === 'string' ? request.serviceTier : undefined;
  const response: GenerateContentResponse = {
    candidates,
    usageMetadata: usageMetadata(prompt, output, api, tier),
    modelVersion: model,
    responseId: `emu-${prompt.hash.toString(36)}-${hashText(model, seed).toString(36)}`,
  };
  const unknown = unknownFields(request);
  if (unknown !== undefined) response.unknownFieldsSeen = unknown;
  return response;
}

function unknownFields(request: GenerateContentRequest): JsonObject | undefined {
  let unknown: JsonObject | undefined;
  for (const field in request) if (!REQUEST_FIELDS.has(field)) (unknown ??= {})[field] = request[field];
  return unknown;
}
