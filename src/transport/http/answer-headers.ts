import type { FinishEvent, Head } from '../../core/generation.js';
import { EMULATOR_PROJECT } from '../../routing/target.js';

/** Headers that tell the caller who answered. */
export function answerHeaders(head: Head): Record<string, string> {
  return {
    'x-gateway-model': head.model,
    'x-gateway-target': `${head.project}/${head.model}`,
    'x-gateway-cache': head.cache,
    'x-gateway-attempts': String(head.attempts),
    ...storedHeaders(head),
    ...(head.project === EMULATOR_PROJECT ? { 'x-gateway-upstream': 'emulator' } : {}),
  };
}

/** How a whole answer was held to its schema: `valid` or `mismatch`, and what was done for it. */
export function structuredHeaders({ structured }: FinishEvent): Record<string, string> {
  if (structured === undefined) return {};
  const { valid, repaired, reasked, instead, relaxed } = structured;
  const said = [
    valid ? 'valid' : 'mismatch',
    ...(repaired ? ['repaired'] : []),
    ...(reasked ? ['reasked'] : []),
    ...(instead === undefined ? [] : [instead]),
    ...(relaxed.length === 0 ? [] : [`relaxed=${relaxed.length}`]),
  ];
  return { 'x-gateway-structured': said.join(', ') };
}

/** Key of the question, by which its answer can be forgotten, and how old a stored answer is. */
function storedHeaders({ cache, cached }: Head): Record<string, string> {
  if (cached === undefined) return {};
  const { key, ageMs } = cached;
  return {
    'x-gateway-cache-key': key,
    ...(ageMs === undefined ? {} : { age: String(Math.floor(ageMs / 1_000)) }),
    ...(cache === 'stale' ? { warning: '110 - "Response is Stale"' } : {}),
  };
}
