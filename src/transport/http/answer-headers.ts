import type { Head } from '../../core/generation.js';
import { EMULATOR_PROJECT } from '../../routing/target.js';

/** Headers that tell the caller who answered. */
export function answerHeaders(head: Head): Record<string, string> {
  return {
    'x-gateway-model': head.model,
    'x-gateway-target': `${head.project}/${head.model}`,
    'x-gateway-cache': head.cache,
    'x-gateway-attempts': String(head.attempts),
    ...(head.project === EMULATOR_PROJECT ? { 'x-gateway-upstream': 'emulator' } : {}),
  };
}
