import type { Usage as CoreUsage, UsageByModality as CoreUsageByModality } from '../../core/usage.js';
import type { Usage, UsageByModality } from './gen/gemini_gateway/v1/gateway_pb.js';

const MAX_INT32 = 2_147_483_647;

/** A count as the wire has it: whole, and no larger than fits. */
export function int32(count: number): number {
  return Math.min(Math.trunc(count), MAX_INT32);
}

// Messages of every answer are written out rather than created from a part of their fields, which costs as much as
// encoding them.
/** Tokens as a message. */
export function usageMessage(usage: CoreUsage): Usage {
  const { byModality } = usage;
  return {
    $typeName: 'gemini_gateway.v1.Usage',
    inputTokens: int32(usage.inputTokens),
    cachedTokens: int32(usage.cachedTokens),
    toolUseTokens: int32(usage.toolUseTokens),
    outputTokens: int32(usage.outputTokens),
    thoughtsTokens: int32(usage.thoughtsTokens),
    totalTokens: int32(usage.totalTokens),
    ...(byModality === undefined ? {} : { byModality: modalitiesMessage(byModality) }),
  };
}

function modalitiesMessage({ input, cached, output, toolUse }: CoreUsageByModality): UsageByModality {
  return {
    $typeName: 'gemini_gateway.v1.UsageByModality',
    input: int32s(input),
    cached: int32s(cached),
    output: int32s(output),
    toolUse: int32s(toolUse),
  };
}

function int32s(tokens: Readonly<Record<string, number>> = {}): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const modality of Object.keys(tokens)) counts[modality] = int32(tokens[modality] ?? 0);
  return counts;
}
