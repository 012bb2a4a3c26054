import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import { Random } from '../core/random.js';
import { OutlierEjection } from '../resilience/outlier-ejection.js';
import { needsOf } from './capabilities.js';
import { ContextReuse, type ReusingPlan } from './context-reuse.js';
import { PlanBuilder } from './plan-builder.js';
import type { RoutingTable } from './routing-table.js';
import { RoutingTables } from './routing-tables.js';
import { TargetRanking } from './target-ranking.js';
import type { Ranked, Target } from './target.js';
import type { TaskConfig } from './tasks.config.js';
import { modelOfShare } from './traffic-split.js';

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
    private readonly ejection: OutlierEjection,
    private readonly contexts: ContextReuse,
    @Inject(Random) private readonly random: Random,
  ) {}

  /**
   * Throws INVALID_REQUEST for an unknown task or a request that no model of the plan can take, MODEL_NOT_FOUND
   * for a model that no project serves, NO_TARGET where residency leaves nothing.
   */
  plan(call: Call): ReusingPlan {
    const table = this.tables.of(call.config);
    const task = taskOf(call, table);
    const strategy = task?.strategy ?? 'weighted';
    const plan = new PlanBuilder(table, task, needsOf(call.request));
    const ranked = (models: readonly string[]): readonly Ranked[] =>
      this.ranking.order(
        models.flatMap((model) => plan.fitting(model)),
        strategy,
        call.stream,
      );
    if (call.model !== undefined) plan.add(ranked([call.model]));
    else if (task !== undefined) this.#addModels(call, task, plan, ranked);
    if (call.operation === 'generate') {
      for (const { model, canned } of task?.fallback ?? []) {
        if (model !== undefined) plan.add(ranked([model]));
        if (canned !== undefined) plan.add([{ target: table.cannedTarget(canned) }]);
      }
    }
    if (task !== undefined) plan.limit(task.failover);
    if (this.ejection.any) plan.eject((project) => this.ejection.has(project));
    const { targets, skipped } = plan.finish(call.model);
    const context = this.contexts.of(call, task);
    return {
      targets: context?.pinned(targets) ?? targets,
      skipped,
      task,
      context,
      mirror: task && this.#mirror(call, task, table),
    };
  }

  /** The first target of the task's mirror that can and may take the request. */
  #mirror(call: Call, task: TaskConfig, table: RoutingTable): Target | undefined {
    const { mirror } = task;
    if (mirror === undefined) return undefined;
    const fitting = new PlanBuilder(table, task, needsOf(call.request)).fitting(mirror.model);
    const named = fitting.filter(
      ({ target }) => mirror.project === undefined || target.project === mirror.project,
    );
    return this.ranking.order(named, 'weighted', call.stream)[0]?.target;
  }

  /** The models of a task, that of the call's share of the traffic first. */
  #addModels(
    call: Call,
    { models, split }: TaskConfig,
    plan: PlanBuilder,
    ranked: (models: readonly string[]) => readonly Ranked[],
  ): void {
    const share = split && modelOfShare(call, split, this.random);
    call.record.share = share;
    if (share !== undefined) plan.add(ranked([share]));
    plan.add(ranked(models.filter((model) => model !== share)));
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
