import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Next, Policy } from '../core/policy.js';
import { NO_USAGE } from '../core/usage.js';
import { Explanations } from './explanations.js';

/** Writes times, target and outcome of every call into its record, refusals included, and has it remembered. */
@Injectable()
export class TelemetryPolicy implements Policy {
  readonly name = 'telemetry';

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly explanations: Explanations,
  ) {}

  async apply(call: Call, next: Next): Promise<Generation> {
    const { record } = call;
    this.explanations.remember(call);
    let generation: Generation;
    try {
      generation = await next(call);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      const usage = error.usage ?? NO_USAGE;
      record.settle(
        error.reason === 'CANCELLED' ? { kind: 'abandoned', usage } : { kind: 'failed', error, usage },
      );
      throw error;
    }
    record.firstEventMs = this.clock.monotonicMs();
    record.target = `${generation.head.project}/${generation.head.model}`;
    record.model = generation.head.model;
    return settled(generation, (outcome) => record.settle(outcome));
  }
}
