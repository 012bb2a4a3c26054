import { Injectable } from '@nestjs/common';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { Usage } from '../core/usage.js';
import { mediaTokens, type MediaRules } from './media-tokens.js';
import { textTokens } from './text-tokens.js';

/** What a request will use of the upstream's quota, before anybody counted. */
export interface Estimate {
  /** Input tokens, calibrated. */
  readonly inputTokens: number;
  /** Part of them that is text, before calibration. */
  readonly rawTextTokens: number;
  readonly mediaTokens: number;
}

/** How far estimates were off, for one model. */
export interface EstimateError {
  readonly model: string;
  /** Tokens counted for each token that the rules give: what estimates are multiplied by. */
  readonly factor: number;
  /** Mean of |estimated - counted| / counted. */
  readonly error: number;
}

/** Weight of the newest count in the averages. */
const NEWEST = 0.05;
/** Counts far off are of what the rules do not know; they must not make estimates useless. */
const MIN_FACTOR = 0.25;
const MAX_FACTOR = 4;
/** Models known; the first known are forgotten beyond it. */
const MAX_MODELS = 1_024;

interface Calibration {
  factor: number;
  error: number;
}

/** Estimates input tokens by rule, and learns from what Google counts how far the rules are off for each model. */
@Injectable()
export class TokenEstimator {
  readonly #models = new Map<string, Calibration>();

  /** Never counts by asking the upstream: an estimate must cost next to nothing. */
  estimate(model: string, request: Readonly<JsonObject>): Estimate {
    const rules = { tiles: /gemini-[12]\b/.test(model), resolution: resolutionOf(request) };
    const sum = { text: 0, media: 0 };
    for (const content of [...list(request['contents']), ...list(request['systemInstruction'])]) {
      for (const part of list(content['parts'])) addPart(sum, part, rules);
    }
    // What the request declares is sent to the model as text.
    for (const tool of list(request['tools'])) sum.text += textTokens(JSON.stringify(tool));
    const factor = this.#models.get(model)?.factor ?? 1;
    return {
      inputTokens: Math.ceil(sum.text * factor + sum.media),
      rawTextTokens: sum.text,
      mediaTokens: sum.media,
    };
  }

  /** Learns from what was counted. Counts without input, and those of media alone, teach nothing. */
  observe(model: string, estimate: Estimate, { inputTokens }: Usage): void {
    const { rawTextTokens, mediaTokens: media } = estimate;
    if (inputTokens === 0) return;
    const known = this.#of(model);
    known.error += NEWEST * (Math.abs(estimate.inputTokens - inputTokens) / inputTokens - known.error);
    if (rawTextTokens < 1 || media > rawTextTokens) return;
    const factor = Math.max(1, inputTokens - media) / rawTextTokens;
    known.factor += NEWEST * (Math.min(MAX_FACTOR, Math.max(MIN_FACTOR, factor)) - known.factor);
  }

  /** How far off it is, by model. */
  errors(): readonly EstimateError[] {
    return [...this.#models].map(([model, { factor, error }]) => ({ model, factor, error }));
  }

  #of(model: string): Calibration {
    const present = this.#models.get(model);
    if (present !== undefined) return present;
    const made = { factor: 1, error: 0 };
    this.#models.set(model, made);
    if (this.#models.size > MAX_MODELS) {
      const [oldest] = this.#models.keys();
      if (oldest !== undefined) this.#models.delete(oldest);
    }
    return made;
  }
}

function addPart(sum: { text: number; media: number }, part: JsonObject, rules: MediaRules): void {
  const { text, functionCall, functionResponse } = part;
  if (typeof text === 'string') sum.text += textTokens(text);
  for (const json of [functionCall, functionResponse])
    if (json !== undefined) sum.text += textTokens(JSON.stringify(json));
  const media = mediaTokens(part, rules);
  if (media !== undefined) sum.media += media;
  else if (isJsonObject(part['inlineData']) && typeof part['inlineData']['data'] === 'string')
    sum.text += textTokens(Buffer.from(part['inlineData']['data'], 'base64').toString('utf8'));
}

function resolutionOf({ generationConfig }: Readonly<JsonObject>): string | undefined {
  const resolution = isJsonObject(generationConfig) ? generationConfig['mediaResolution'] : undefined;
  return typeof resolution === 'string' ? resolution : undefined;
}

function list(value: JsonValue | undefined): JsonObject[] {
  if (isJsonObject(value)) return [value];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
