import type { ConfigSnapshot } from '../core/config-snapshot.js';
import type { Provider } from '../core/provider.js';
import { CannedProvider } from '../providers/canned/canned.provider.js';
import { quotaLimitsOf } from '../quota/limits.config.js';
import type { QuotaLimits } from '../quota/quota-ledger.port.js';
import { withDefaults } from './generation-defaults.js';
import { ModelsConfig, type ModelConfig } from './models.config.js';
import { EVERY_OTHER_MODEL, type ProjectConfig } from './projects.config.js';
import { RoutingConfig } from './routing.config.js';
import { CANNED_PROJECT, type Target } from './target.js';
import type { TaskConfig } from './tasks.config.js';

/** A model on a project with what choosing among projects needs. */
export interface Site {
  readonly project: ProjectConfig;
  readonly provider: Provider;
}

/** One configuration version, arranged for planning. */
export class RoutingTable {
  readonly tasks: ReadonlyMap<string, TaskConfig>;
  readonly models: ReadonlyMap<string, ModelConfig>;
  /** The project that keeps files, cached contents and batches: the one marked so, else the first `gemini` one. */
  readonly resourceKeeper: Site | undefined;
  readonly #sites = new Map<string, Site[]>();
  readonly #all: Site[] = [];
  readonly #limits = new Map<ProjectConfig, Map<string, QuotaLimits>>();
  readonly #canned: CannedProvider;

  constructor(snapshot: ConfigSnapshot, providers: ReadonlyMap<string, Provider>) {
    const { projects, tasks, canned } = snapshot.get(RoutingConfig);
    this.tasks = new Map(Object.entries(tasks));
    this.models = new Map(Object.entries(snapshot.get(ModelsConfig).models));
    this.#canned = new CannedProvider({ answers: canned });
    const keeper =
      projects.find(({ resources }) => resources) ?? projects.find(({ provider }) => provider === 'gemini');
    const keeping = keeper && providers.get(keeper.id);
    this.resourceKeeper = keeper && keeping && { project: keeper, provider: keeping };
    for (const project of projects) {
      const provider = providers.get(project.id);
      if (provider === undefined) continue;
      this.#all.push({ project, provider });
      for (const model of project.models ?? this.models.keys()) {
        const limits = project.limits?.[model] ?? project.limits?.[EVERY_OTHER_MODEL];
        if (limits !== undefined) this.#limitsOf(project).set(model, quotaLimitsOf(limits));
        const sites = this.#sites.get(model) ?? [];
        sites.push({ project, provider });
        this.#sites.set(model, sites);
      }
    }
  }

  /** Projects that serve a model; none for a model that no project serves. */
  sites(model: string): readonly Site[] {
    return this.#sites.get(model) ?? [];
  }

  /** Every project with its provider. */
  allSites(): readonly Site[] {
    return this.#all;
  }

  /** Models that some project serves. */
  servedModels(): readonly string[] {
    return [...this.#sites.keys()];
  }

  /** A model on a project, with the defaults of the task and the model. */
  target(model: string, { project, provider }: Site, task: TaskConfig | undefined): Target {
    const defaults = this.models.get(model)?.generation;
    return {
      project: project.id,
      model,
      upstreamModel: project.modelNames?.[model] ?? model,
      provider,
      kind: project.provider,
      upstream: true,
      timeouts: project.timeouts,
      quota: { project: project.id, location: project.location, model },
      limits: this.#limits.get(project)?.get(model),
      prepare: (request) => withDefaults(request, task?.generation, defaults),
    };
  }

  #limitsOf(project: ProjectConfig): Map<string, QuotaLimits> {
    const present = this.#limits.get(project);
    if (present !== undefined) return present;
    const made = new Map<string, QuotaLimits>();
    this.#limits.set(project, made);
    return made;
  }

  /** An answer made beforehand, as a target. */
  cannedTarget(name: string): Target {
    return {
      project: CANNED_PROJECT,
      model: name,
      upstreamModel: name,
      provider: this.#canned,
      kind: 'canned',
      upstream: false,
      timeouts: { firstEventMs: Infinity, idleGapMs: Infinity, totalMs: Infinity },
      quota: { project: CANNED_PROJECT, location: '', model: name },
      limits: undefined,
      prepare: (request) => request,
    };
  }
}
