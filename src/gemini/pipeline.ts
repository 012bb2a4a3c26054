import type { CachePolicy } from '../cache/cache.policy.js';
import { compose, type Next } from '../core/policy.js';
import type { Dispatcher } from '../routing/dispatcher.js';
import type { StructuredOutputPolicy } from '../structured-output/structured-output.policy.js';
import type { TelemetryPolicy } from '../telemetry/telemetry.policy.js';

/** The policies of the request path. */
export interface Policies {
  readonly telemetry: TelemetryPolicy;
  readonly cache: CachePolicy;
  readonly structuredOutput: StructuredOutputPolicy;
}

/** The order of policies, stated here and nowhere else: the first is outermost, dispatch is innermost. */
export function pipeline(policies: Policies, dispatcher: Dispatcher): Next {
  const { telemetry, cache, structuredOutput } = policies;
  return compose([telemetry, cache, structuredOutput], (call) => dispatcher.dispatch(call));
}
