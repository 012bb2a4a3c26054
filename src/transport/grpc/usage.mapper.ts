import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Usage, UsageByModality } from '../../core/usage.js';
import type { UsageSchema } from './gen/gemini_gateway/v1/gateway_pb.js';

const MAX_INT32 = 2_147_483_647;

/** A count as the wire has it: whole, and no larger than fits. */
export function int32(count: number): number {
  return Math.min(Math.trunc(count), MAX_INT32);
}

/** Tokens as a message's field. */
export function usageInit(usage: Usage): MessageInitShape<typeof UsageSchema> {
  const { byModality } = usage;
  return {
    inputTokens: int32(usage.inputTokens),
    cachedTokens: int32(usage.cachedTokens),
    toolUseTokens: int32(usage.toolUseTokens),
    outputTokens: int32(usage.outputTokens),
    thoughtsTokens: int32(usage.thoughtsTokens),
    totalTokens: int32(usage.totalTokens),
    ...(byModality === undefined ? {} : { byModality: modalitiesInit(byModality) }),
  };
}

function modalitiesInit({ input, cached, output, toolUse }: UsageByModality) {
  return {
    ...(input && { input: int32s(input) }),
    ...(cached && { cached: int32s(cached) }),
    ...(output && { output: int32s(output) }),
    ...(toolUse && { toolUse: int32s(toolUse) }),
  };
}

function int32s(tokens: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(tokens).map(([modality, count]) => [modality, int32(count)]));
}
