import { Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import type { Generation } from '../core/generation.js';
import { AttemptRing } from '../resilience/attempt-ring.js';
import { ALL_ALLOWED, type AttemptRules, type Candidate } from '../resilience/candidate.js';
import { Hedging } from './hedging.js';
import { Mirror } from './mirror.js';
import { RoutePlanner } from './route-planner.js';
import { TargetAttempts } from './target-attempts.js';
import { targetName, type RoutePlan } from './target.js';

/**
 * Sends a call to the targets of its plan until one produced a first event; in which order and how often is the
 * attempt ring's. Each attempt starts from the original request and is written to the call's record.
 */
@Injectable()
export class Dispatcher {
  constructor(
    private readonly planner: RoutePlanner,
    private readonly ring: AttemptRing,
    private readonly attempts: TargetAttempts,
    private readonly hedging: Hedging,
    private readonly mirror: Mirror,
  ) {}

  /** Rejects with the GatewayError of the last attempt, or with why there was none. */
  async dispatch(call: Call): Promise<Generation> {
    const plan = this.planner.plan(call);
    const shared = this.attempts.of(call, plan.task);
    const targets = shared.conversation.pinned(plan.targets);
    call.record.plan = targets.map(({ target, score }) => ({
      target: targetName(target),
      ...(score === undefined ? {} : { score }),
    }));
    call.record.skipped.push(...plan.skipped);
    if (plan.mirror !== undefined && plan.task?.mirror !== undefined)
      this.mirror.reflect(call, plan.mirror, plan.task.mirror);
    const candidates = targets.map(({ target }, index): Candidate => {
      const { model, upstream } = target;
      const name = targetName(target);
      return {
        name,
        // An answer made beforehand may be called as a model is, and still comes after its retries.
        group: upstream ? model : name,
        upstream,
        quota: this.attempts.quotaOf(call, target),
        attempt: (number, signal) =>
          this.attempts.make(call, {
            target,
            number,
            fallback: index > 0,
            signal,
            context: plan.context,
            ...shared,
          }),
      };
    });
    return this.ring.run(call, candidates, this.#rules(call, plan));
  }

  #rules(call: Call, { task }: RoutePlan): AttemptRules {
    if (task === undefined || call.task === undefined) return ALL_ALLOWED;
    const { failover, hedge } = task;
    return {
      otherKeys: failover.keys,
      unusableAnswers: failover.unusableAnswers,
      hedge: hedge && this.hedging.of(call.task, call.stream, hedge),
    };
  }
}
