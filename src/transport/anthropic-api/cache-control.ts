import { type FieldRule, only } from '../shared/request-fields.js';

/**
 * Anthropic's mark that a prompt may be cached up to here. By its own word it changes no answer, and prompts that cannot
 * be cached are processed all the same; Google caches by itself. How long is not for the caller to say.
 */
export const CACHE_CONTROL: FieldRule = only(
  [{ type: 'ephemeral' }, { type: 'ephemeral', ttl: '5m' }, { ttl: '5m', type: 'ephemeral' }],
  'prompts are cached by themselves, and how long is not for the caller to say',
);
