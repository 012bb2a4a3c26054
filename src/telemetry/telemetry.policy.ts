import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { Outcome } from '../core/outcome.js';
import type { Next, Policy } from '../core/policy.js';
import { NO_USAGE } from '../core/usage.js';
import { CallMetrics } from './call-metrics.js';
import { Explanations } from './explanations.js';
import { Traces } from './traces.js';

/**
 * Writes times, target and outcome of every call into its record, refusals included, has it remembered, and counts
 * and traces it once it is over.
 */
@Injectable()
export class TelemetryPolicy implements Policy {
  readonly name = 'telemetry';

  constructor(
    @Inject(Clock) private readonly clock: Clock,
    private readonly explanations: Explanations,
    private readonly metrics: CallMetrics,
    @Inject(Traces) private readonly traces: Traces,
  ) {}

  async apply(call: Call, next: Next): Promise<Generation> {
    const { record } = call;
    this.explanations.remember(call);
    this.metrics.began();
    let generation: Generation;
    try {
      generation = await next(call);
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      const usage = error.usage ?? NO_USAGE;
      this.#ended(
        call,
        error.reason === 'CANCELLED' ? { kind: 'abandoned', usage } : { kind: 'failed', error, usage },
      );
      throw error;
    }
    record.firstEventMs = this.clock.monotonicMs();
    record.target = `${generation.head.project}/${generation.head.model}`;
    record.model = generation.head.model;
    return settled(generation, (outcome) => this.#ended(call, outcome));
  }

  #ended(call: Call, outcome: Outcome): void {
    call.record.settle(outcome);
    const endedMs = this.clock.monotonicMs();
    this.metrics.ended(call, outcome, endedMs);
    this.traces.ended(call, endedMs);
  }
}
