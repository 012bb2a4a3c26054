import { Injectable } from '@nestjs/common';
import { ConfigStore } from '../../config/config-store.js';
import { ModelsConfig } from '../../routing/models.config.js';
import { RoutingConfig } from '../../routing/routing.config.js';
import { familyOf } from '../../routing/thought-signatures.js';

/** What mapping a request needs to know of a model that may answer it. */
export interface AskedModel {
  readonly id: string;
  /** Thinking levels that it accepts; not known when empty. */
  readonly thinkingLevels: readonly string[];
  /** Whether it accepts a thinking budget in tokens. */
  readonly thinkingBudget: boolean;
}

/** The models of the generation before levels of thinking and signatures that are checked. */
const BEFORE_SIGNATURES = 'gemini-2';

/** The models that may answer a request, under the configuration of the moment. */
@Injectable()
export class AskedModels {
  constructor(private readonly store: ConfigStore) {}

  /** The model asked for, or those of the task, its fallbacks included; none for names that match nothing. */
  of({ task, model }: { readonly task?: string; readonly model?: string }): readonly AskedModel[] {
    const snapshot = this.store.current();
    const { tasks } = snapshot.get(RoutingConfig);
    const { models } = snapshot.get(ModelsConfig);
    const chosen = task !== undefined && Object.hasOwn(tasks, task) ? tasks[task] : undefined;
    const fallbacks = (chosen?.fallback ?? []).flatMap(({ model }) => model ?? []);
    const ids = [...(model === undefined ? (chosen?.models ?? []) : [model]), ...fallbacks];
    return ids.flatMap((id) => {
      const known = Object.hasOwn(models, id) ? models[id] : undefined;
      return known === undefined
        ? []
        : { id, thinkingLevels: known.thinkingLevels, thinkingBudget: known.thinkingBudget };
    });
  }
}

/** Whether some of the models check signatures; true where nothing is known of them. */
export function someSign(models: readonly AskedModel[]): boolean {
  return models.length === 0 || models.some(({ id }) => !takesBudgetsOnly(id));
}

/** Whether a model is of the generation that knows budgets of thinking and no levels. */
export function takesBudgetsOnly(model: string): boolean {
  return familyOf(model) === BEFORE_SIGNATURES;
}
