import { Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { settled } from '../core/combinators.js';
import type { GatewayError } from '../core/gateway-error.js';
import type { Generation } from '../core/generation.js';
import type { JsonObject } from '../core/json.js';
import { TokenEstimator } from '../quota/token-estimator.js';
import type { ContextCacheConfig } from './context-cache.config.js';
import { ContextCaches, type UsableContext } from './context-caches.js';
import { ModelsConfig } from './models.config.js';
import { PrefixHomes } from './prefix-homes.js';
import { afterPrefix, type Prefix, prefixesOf } from './request-prefix.js';
import { RoutingConfig } from './routing.config.js';
import type { Ranked, RoutePlan, Target } from './target.js';
import type { TaskConfig } from './tasks.config.js';

/** A score this near to the best is as good. */
const AS_GOOD = 0.8;

/** What is made of Google's own caches of prompts: which project a call goes to, and what it need not send. */
@Injectable()
export class ContextReuse {
  readonly #homes = new PrefixHomes();

  constructor(
    private readonly caches: ContextCaches,
    private readonly estimator: TokenEstimator,
  ) {}

  /** For one call; undefined where its task wants none of it or there is nothing that others may share. */
  of(call: Call, task: TaskConfig | undefined): ContextUse | undefined {
    const settings = task?.contextCache;
    if (task === undefined || settings === undefined || call.operation !== 'generate') return undefined;
    const model = task.models[0] ?? '';
    const prefixes = prefixesOf(
      call.request,
      settings.minTokens,
      (part) => this.estimator.estimate(model, part).inputTokens,
    );
    if (prefixes.length === 0) return undefined;
    return new ContextUse({ call, task, settings, prefixes }, this.#homes, this.caches);
  }
}

/** A plan with what is known of its call's prompt. */
export interface ReusingPlan extends RoutePlan {
  /** Absent where nothing of it is looked at. */
  readonly context?: ContextUse | undefined;
}

interface Terms {
  readonly call: Call;
  readonly task: TaskConfig;
  readonly settings: ContextCacheConfig;
  readonly prefixes: readonly Prefix[];
}

/** A request as a target is to get it. */
export interface ReusingRequest {
  readonly request: Readonly<JsonObject>;
  /** What was left out of it; absent where it is whole. */
  readonly kept?: UsableContext;
}

/** The beginning of one call's prompt on its way to a target. */
export class ContextUse {
  constructor(
    private readonly terms: Terms,
    private readonly homes: PrefixHomes,
    private readonly caches: ContextCaches,
  ) {}

  /** The targets in their order, but first the project that had the prompt's beginning last, where it is as good. */
  pinned(targets: readonly Ranked[]): readonly Ranked[] {
    const [first] = targets;
    const { settings, prefixes } = this.terms;
    if (!settings.affinity || first === undefined) return targets;
    const { model } = first.target;
    const project = this.homes.of(model, prefixes);
    const home = targets.find(({ target }) => target.project === project && target.model === model);
    if (home === undefined || !this.#isAsGood(home, first)) return targets;
    return [home, ...targets.filter((ranked) => ranked !== home)];
  }

  /** The request without what the target has already. `request` is the call's, prepared for the target. */
  requestFor(target: Target, request: Readonly<JsonObject>): ReusingRequest {
    const { call, settings, prefixes } = this.terms;
    // Signatures that were replaced make it another beginning.
    if (!settings.explicit || request['contents'] !== call.request['contents']) return { request };
    const { models } = call.config.get(ModelsConfig);
    const model = Object.hasOwn(models, target.model) ? models[target.model] : undefined;
    const kept = model && this.caches.use({ target, model, settings, request, prefixes });
    if (kept === undefined) return { request };
    return { request: afterPrefix(request, kept.contents, kept.name), kept };
  }

  /** A target answers: it has the prompt's beginning now. What a whole request finds in its own cache is noted. */
  answered(target: Target, generation: Generation, kept?: UsableContext): Generation {
    const { settings, prefixes } = this.terms;
    this.homes.learn(target.project, target.model, prefixes);
    if (!settings.explicit || kept !== undefined) return generation;
    return settled(generation, (outcome) => {
      if (outcome.kind === 'completed') this.caches.observe(target, prefixes, outcome.usage.cachedTokens);
    });
  }

  /** An order that somebody wrote stays; in drawn orders, any project that has a share is as good as another. */
  #isAsGood(home: Ranked, first: Ranked): boolean {
    const { call, task } = this.terms;
    switch (task.strategy) {
      case 'ordered':
        return false;
      case 'weighted':
        return call.config
          .get(RoutingConfig)
          .projects.some(({ id, weight }) => id === home.target.project && weight > 0);
      case 'fastest':
      case 'cheapest':
      case 'balanced':
        return (home.score ?? 0) >= AS_GOOD * (first.score ?? 0);
    }
  }
}

/** Whether a failure may be for a cached content that is gone: Google says 403 or 404, and 400 in some places. */
export function mayLackContext({ reason }: GatewayError): boolean {
  return reason === 'PERMISSION_DENIED' || reason === 'MODEL_NOT_FOUND' || reason === 'INVALID_REQUEST';
}
