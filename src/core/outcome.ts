import type { GatewayError } from './gateway-error.js';
import type { FinishEvent } from './generation.js';
import type { Usage } from './usage.js';

/** The end of an answer without its content: outcomes are remembered. */
export type Ended = Omit<FinishEvent, 'structured'>;

/** How a generation ended: ran to its finish, failed, or was left by its caller. Usage is what was seen. */
export type Outcome =
  | { readonly kind: 'completed'; readonly finish: Ended; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly error: GatewayError; readonly usage: Usage }
  | { readonly kind: 'abandoned'; readonly usage: Usage };
