import { GatewayError } from '../core/gateway-error.js';
import type { FinishEvent } from '../core/generation.js';
import type { Attempt, Provider } from '../core/provider.js';
import { NO_USAGE, type Usage } from '../core/usage.js';

/** How a call whose answer nobody reads ended. */
export interface Drained {
  /** Tokens as of the last event that told them; none where none did. */
  readonly usage: Usage;
  /** Whether the upstream began to answer. */
  readonly began: boolean;
  readonly end: { readonly finish: FinishEvent } | { readonly error: GatewayError };
}

/**
 * Makes an upstream call and throws its answer away, event by event: no more than one is held. Never rejects.
 * `onBegin` runs at the first event.
 */
export async function drained(provider: Provider, attempt: Attempt, onBegin: () => void): Promise<Drained> {
  let usage: Usage = NO_USAGE;
  let began = false;
  try {
    for await (const event of await provider.generate(attempt)) {
      if (!began) onBegin();
      began = true;
      if (event.usage !== undefined) usage = event.usage;
      if (event.type === 'finish') return { usage, began, end: { finish: event } };
    }
    throw new GatewayError('UPSTREAM_PROTOCOL', 'The answer ended without a finish.');
  } catch (thrown) {
    const error = GatewayError.from(thrown);
    return { usage: error.usage ?? usage, began, end: { error } };
  }
}
