import { Injectable } from '@nestjs/common';
import { ConfigStore } from '../config/config-store.js';
import type { ModelConfig } from './models.config.js';
import { RoutingTables } from './routing-tables.js';

/** A model that can be asked for. */
export interface CatalogModel {
  readonly id: string;
  readonly status: string;
  readonly contextTokens: number;
  readonly maxOutputTokens?: number;
  readonly inputModalities: readonly string[];
  readonly outputModalities: readonly string[];
  readonly projects: readonly string[];
}

/** Models and tasks as callers may ask for them, under the configuration of the moment. */
@Injectable()
export class ModelCatalog {
  constructor(
    private readonly store: ConfigStore,
    private readonly tables: RoutingTables,
  ) {}

  /** Every model that some project serves, by name. */
  models(): readonly CatalogModel[] {
    const table = this.tables.of(this.store.current());
    return table
      .servedModels()
      .toSorted()
      .flatMap((id) => {
        const model = table.models.get(id);
        return model === undefined
          ? []
          : [
              entry(
                id,
                model,
                table.sites(id).map(({ project }) => project.id),
              ),
            ];
      });
  }

  /** Models, and tasks with the models that they use. */
  overview(): {
    models: readonly CatalogModel[];
    tasks: readonly { id: string; models: readonly string[] }[];
  } {
    const { tasks } = this.tables.of(this.store.current());
    return { models: this.models(), tasks: [...tasks].map(([id, { models }]) => ({ id, models })) };
  }
}

function entry(id: string, model: ModelConfig, projects: readonly string[]): CatalogModel {
  const { status, contextTokens, maxOutputTokens, inputModalities, outputModalities } = model;
  return {
    id,
    status,
    contextTokens,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    inputModalities,
    outputModalities,
    projects,
  };
}
