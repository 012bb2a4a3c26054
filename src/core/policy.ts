import type { Call } from './call.js';
import type { Generation } from './generation.js';

/** The rest of the request path. Rejects with a GatewayError. */
export type Next = (call: Call) => Promise<Generation>;

/**
 * One step around the call. Refuses by throwing, answers without `next`, or observes what `next` returns.
 * Never changes the call: it passes the same one or a copy of it on. Calls `next` at most once unless it
 * says otherwise.
 */
export interface Policy {
  readonly name: string;
  apply(call: Call, next: Next): Promise<Generation>;
}

/** One function from policies and the step they surround. The first policy is outermost. */
export function compose(policies: readonly Policy[], innermost: Next): Next {
  return policies.reduceRight<Next>((next, policy) => (call) => policy.apply(call, next), innermost);
}
