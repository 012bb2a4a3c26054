import { Injectable } from '@nestjs/common';
import { CachePolicy } from '../cache/cache.policy.js';
import type { Call } from '../core/call.js';
import type { Generation } from '../core/generation.js';
import type { Next } from '../core/policy.js';
import { Dispatcher } from '../routing/dispatcher.js';
import { StructuredOutputPolicy } from '../structured-output/structured-output.policy.js';
import { TelemetryPolicy } from '../telemetry/telemetry.policy.js';
import { pipeline } from './pipeline.js';

/** The one way in: every surface, streaming or not, calls it. */
@Injectable()
export class GeminiService {
  readonly #path: Next;

  constructor(
    telemetry: TelemetryPolicy,
    cache: CachePolicy,
    structuredOutput: StructuredOutputPolicy,
    dispatcher: Dispatcher,
  ) {
    this.#path = pipeline({ telemetry, cache, structuredOutput }, dispatcher);
  }

  /** Takes a call along the request path. Rejects with a GatewayError before the first event. */
  generate(call: Call): Promise<Generation> {
    return this.#path(call);
  }
}
