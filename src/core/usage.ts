import type { ModalityTokenCount, UsageMetadata } from './gemini-wire.js';

/** Tokens per modality, for each kind of token that Google breaks down. */
export interface UsageByModality {
  readonly input?: Readonly<Record<string, number>>;
  readonly cached?: Readonly<Record<string, number>>;
  readonly output?: Readonly<Record<string, number>>;
  readonly toolUse?: Readonly<Record<string, number>>;
}

/**
 * Tokens of one generation. `inputTokens` includes `cachedTokens`; `outputTokens` is visible output only;
 * `totalTokens` = input + toolUse + output + thoughts.
 */
export interface Usage {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly toolUseTokens: number;
  readonly outputTokens: number;
  readonly thoughtsTokens: number;
  readonly totalTokens: number;
  readonly byModality?: UsageByModality;
}

/** Nothing used, or nothing known yet. */
export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  cachedTokens: 0,
  toolUseTokens: 0,
  outputTokens: 0,
  thoughtsTokens: 0,
  totalTokens: 0,
});

/** Reads Google's counts. What is absent or no count is zero; the total is the sum, whatever Google's says. */
export function usageFrom(metadata: UsageMetadata | undefined): Usage {
  if (metadata === undefined) return NO_USAGE;
  const inputTokens = count(metadata.promptTokenCount);
  const toolUseTokens = count(metadata.toolUsePromptTokenCount);
  const outputTokens = count(metadata.candidatesTokenCount);
  const thoughtsTokens = count(metadata.thoughtsTokenCount);
  const byModality = modalities(metadata);
  return {
    inputTokens,
    cachedTokens: count(metadata.cachedContentTokenCount),
    toolUseTokens,
    outputTokens,
    thoughtsTokens,
    totalTokens: inputTokens + toolUseTokens + outputTokens + thoughtsTokens,
    ...(byModality === undefined ? {} : { byModality }),
  };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function modalities(metadata: UsageMetadata): UsageByModality | undefined {
  const input = tally(metadata.promptTokensDetails);
  const cached = tally(metadata.cacheTokensDetails);
  const output = tally(metadata.candidatesTokensDetails);
  const toolUse = tally(metadata.toolUsePromptTokensDetails);
  if (!input && !cached && !output && !toolUse) return undefined;
  return {
    ...(input && { input }),
    ...(cached && { cached }),
    ...(output && { output }),
    ...(toolUse && { toolUse }),
  };
}

function tally(details: ModalityTokenCount[] | undefined): Record<string, number> | undefined {
  if (!Array.isArray(details) || details.length === 0) return undefined;
  const tokens: Record<string, number> = {};
  for (const detail of details) {
    const modality = typeof detail?.modality === 'string' ? detail.modality : 'UNSPECIFIED';
    tokens[modality] = (tokens[modality] ?? 0) + count(detail?.tokenCount);
  }
  return tokens;
}

/** Both together, without the split by modality. */
export function addUsage(left: Usage, right: Usage): Usage {
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    cachedTokens: left.cachedTokens + right.cachedTokens,
    toolUseTokens: left.toolUseTokens + right.toolUseTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    thoughtsTokens: left.thoughtsTokens + right.thoughtsTokens,
    totalTokens: left.totalTokens + right.totalTokens,
  };
}

/** What one has beyond the other, never less than nothing, without the split by modality. */
export function subtractUsage(whole: Usage, part: Usage): Usage {
  const beyond = (kind: keyof Omit<Usage, 'byModality'>): number => Math.max(0, whole[kind] - part[kind]);
  return {
    inputTokens: beyond('inputTokens'),
    cachedTokens: beyond('cachedTokens'),
    toolUseTokens: beyond('toolUseTokens'),
    outputTokens: beyond('outputTokens'),
    thoughtsTokens: beyond('thoughtsTokens'),
    totalTokens: beyond('totalTokens'),
  };
}
