import type { CachePolicy } from '../cache/cache.policy.js';
import { compose, type Next } from '../core/policy.js';
import type { Dispatcher } from '../routing/dispatcher.js';
import type { TelemetryPolicy } from '../telemetry/telemetry.policy.js';

/** The policies of the request path. */
export interface Policies {
  readonly telemetry: TelemetryPolicy;
  readonly cache: CachePolicy;
}

/** The order of policies, stated here and nowhere else: the first is outermost, dispatch is innermost. */
export function pipeline(policies: Policies, dispatcher: Dispatcher): Next {
  return compose([policies.telemetry, policies.cache], (call) => dispatcher.dispatch(call));
}
