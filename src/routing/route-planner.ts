import { Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import { needsOf, unmet, type Needs } from './capabilities.js';
import type { RoutingTable, Site } from './routing-table.js';
import { RoutingTables } from './routing-tables.js';
import { type Rankable, TargetRanking } from './target-ranking.js';
import { targetName, type Ranked, type RoutePlan } from './target.js';
import type { TaskConfig } from './tasks.config.js';

/**
 * Plans which targets may answer a call, best first: the models of the task on the projects that serve them, in
 * the order of the task's strategy, then the task's fallbacks. What a model cannot do and where data may
 * not go is left out, never merely ranked lower.
 */
@Injectable()
export class RoutePlanner {
  constructor(
    private readonly tables: RoutingTables,
    private readonly ranking: TargetRanking,
  ) {}

  /**
   * Throws INVALID_REQUEST for an unknown task or a request that no model of the plan can take, MODEL_NOT_FOUND
   * for a model that no project serves, NO_TARGET where residency leaves nothing.
   */
  plan(call: Call): RoutePlan {
    const table = this.tables.of(call.config);
    const task = taskOf(call, table);
    const models = call.model === undefined ? (task?.models ?? []) : [call.model];
    const needs = needsOf(call.request);
    const strategy = task?.strategy ?? 'weighted';
    const plan = new PlanBuilder(table, task, needs);
    const fitting = (model: string): readonly Rankable[] => plan.fitting(model);
    plan.add(this.ranking.order(models.flatMap(fitting), strategy, call.stream));
    if (call.operation === 'generate') {
      for (const { model, canned } of task?.fallback ?? []) {
        if (model !== undefined) plan.add(this.ranking.order(fitting(model), strategy, call.stream));
        if (canned !== undefined) plan.add([{ target: table.cannedTarget(canned) }]);
      }
    }
    return plan.finish(call.model);
  }
}

function taskOf(call: Call, table: RoutingTable): TaskConfig | undefined {
  if (call.task === undefined) return undefined;
  const task = table.tasks.get(call.task);
  if (task !== undefined) return task;
  const known = [...table.tasks.keys()].toSorted().join(', ');
  throw new GatewayError(
    'INVALID_REQUEST',
    `There is no task "${call.task.slice(0, 100)}". Tasks: ${known || 'none'}.`,
    {
      metadata: { field: 'task' },
    },
  );
}

class PlanBuilder {
  readonly #ranked: Ranked[] = [];
  readonly #skipped: { target: string; why: string }[] = [];
  #incapable = false;

  constructor(
    private readonly table: RoutingTable,
    private readonly task: TaskConfig | undefined,
    private readonly needs: Needs,
  ) {}

  /** A model on every project that may serve it; none, with the reason noted, where it cannot take the request. */
  fitting(model: string): readonly Rankable[] {
    const capabilities = this.table.models.get(model);
    const sites = this.table.sites(model);
    if (capabilities === undefined || sites.length === 0) {
      this.#skipped.push({ target: model, why: 'no project serves it' });
      return [];
    }
    const lack = unmet(capabilities, this.needs);
    if (lack !== undefined) {
      this.#incapable = true;
      this.#skipped.push({ target: model, why: lack });
      return [];
    }
    return this.#resident(model, this.#keepers(model, sites)).map((site) => ({
      target: this.table.target(model, site, this.task),
      weight: site.project.weight,
      prices: capabilities.prices,
    }));
  }

  add(ranked: readonly Ranked[]): void {
    this.#ranked.push(...ranked);
  }

  finish(asked: string | undefined): RoutePlan {
    if (this.#ranked.length === 0) throw this.#nothing(asked);
    return { targets: this.#ranked, skipped: this.#skipped };
  }

  #keepers(model: string, sites: readonly Site[]): readonly Site[] {
    if (!this.needs.keptResources) return sites;
    const keeper = this.table.resourceKeeper?.project.id;
    return sites.filter(({ project }) => {
      if (project.id === keeper) return true;
      const target = targetName({ project: project.id, model });
      this.#skipped.push({
        target,
        why: 'it does not keep the files or cached content that the request names',
      });
      return false;
    });
  }

  #resident(model: string, sites: readonly Site[]): readonly Site[] {
    const residency = this.task?.residency;
    if (residency === undefined) return sites;
    return sites.filter(({ project }) => {
      if (project.residency === residency) return true;
      const target = targetName({ project: project.id, model });
      this.#skipped.push({ target, why: `its residency is not ${residency}` });
      return false;
    });
  }

  #nothing(asked: string | undefined): GatewayError {
    const why = this.#skipped.map((skip) => `${skip.target} ${skip.why}`).join('; ');
    if (this.#incapable) {
      return new GatewayError('INVALID_REQUEST', `No model can take this request: ${why}.`, {
        metadata: { field: 'contents' },
      });
    }
    if (asked !== undefined && this.table.sites(asked).length === 0) {
      const served = this.table.servedModels().toSorted().join(', ');
      return new GatewayError(
        'MODEL_NOT_FOUND',
        `No project serves "${asked.slice(0, 100)}". Models: ${served}.`,
        {
          metadata: { field: 'model' },
        },
      );
    }
    return new GatewayError('NO_TARGET', `No target can answer this call: ${why}.`);
  }
}
