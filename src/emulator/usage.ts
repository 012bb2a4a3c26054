import type { ModalityTokenCount, UsageMetadata } from '../core/gemini-wire.js';
import type { Prompt } from './prompt.js';

/** Which of Google's two APIs is spoken; they differ in a few fields. */
export type Api = 'developer' | 'vertex';

/** Tokens of one answer, apart from its prompt. */
export interface OutputTokens {
  readonly text: number;
  readonly image: number;
  readonly thoughts: number;
  /** Read by server-side tools on the model's behalf. */
  readonly toolUse: number;
  /** Part of the prompt that came out of cached content. */
  readonly cached: number;
}

/** The counts as Google writes them: cached tokens are inside the prompt's, zeroes are omitted. */
export function usageMetadata(
  prompt: Prompt,
  output: OutputTokens,
  api: Api,
  serviceTier: string | undefined,
): UsageMetadata {
  const promptTokenCount = prompt.tokens + output.cached;
  const candidates = output.text + output.image;
  const usage: UsageMetadata = { promptTokenCount };
  if (output.cached > 0) {
    usage.cachedContentTokenCount = output.cached;
    usage.cacheTokensDetails = [{ modality: 'TEXT', tokenCount: output.cached }];
  }
  if (candidates > 0) {
    usage.candidatesTokenCount = candidates;
    usage.candidatesTokensDetails = outputDetails(output);
  }
  if (output.thoughts > 0) usage.thoughtsTokenCount = output.thoughts;
  if (output.toolUse > 0) {
    usage.toolUsePromptTokenCount = output.toolUse;
    usage.toolUsePromptTokensDetails = [{ modality: 'TEXT', tokenCount: output.toolUse }];
  }
  usage.totalTokenCount = promptTokenCount + candidates + output.thoughts + output.toolUse;
  usage.promptTokensDetails = withCached(prompt.details, output.cached);
  if (api === 'vertex') usage.trafficType = TRAFFIC[serviceTier ?? 'standard'] ?? 'ON_DEMAND';
  else usage.serviceTier = serviceTier ?? 'standard';
  return usage;
}

const TRAFFIC: Readonly<Record<string, string>> = { flex: 'ON_DEMAND_FLEX', priority: 'ON_DEMAND_PRIORITY' };

function outputDetails(output: OutputTokens): ModalityTokenCount[] {
  const details: ModalityTokenCount[] = [];
  if (output.text > 0) details.push({ modality: 'TEXT', tokenCount: output.text });
  if (output.image > 0) details.push({ modality: 'IMAGE', tokenCount: output.image });
  return details;
}

function withCached(details: ModalityTokenCount[], cached: number): ModalityTokenCount[] {
  if (cached === 0) return details;
  const text = details.find((each) => each.modality === 'TEXT')?.tokenCount ?? 0;
  return [
    { modality: 'TEXT', tokenCount: text + cached },
    ...details.filter((each) => each.modality !== 'TEXT'),
  ];
}
