import { GatewayError } from '../core/gateway-error.js';
import { unmet, type Needs } from './capabilities.js';
import type { FailoverConfig } from './failover.config.js';
import type { RoutingTable, Site } from './routing-table.js';
import type { Rankable } from './target-ranking.js';
import { targetName, type Ranked, type RoutePlan, type Target } from './target.js';
import type { TaskConfig } from './tasks.config.js';

const NO_CANNED = 'the task allows no answers made beforehand';
const NO_OTHER_MODEL = 'the task allows no other models';
const NO_OTHER_PROJECT = 'the task allows no other projects';
const NO_OTHER_PROVIDER = 'the task allows no other providers';
const EJECTED = 'its project fails much more often than the others and is left out for a while';

/** Gathers the targets of one plan, and why others were left out. */
export class PlanBuilder {
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

  /** Appends targets, in the order in which they are to be tried. */
  add(ranked: readonly Ranked[]): void {
    this.#ranked.push(...ranked);
  }

  /** Leaves out what the task does not allow after its first target. */
  limit(allowed: FailoverConfig): void {
    const first = this.#ranked.find(({ target }) => target.upstream)?.target;
    const models = new Set<string>();
    const refused = ({ upstream, model, kind }: Target): string | undefined => {
      if (!upstream) return allowed.canned || first === undefined ? undefined : NO_CANNED;
      const another = models.has(model);
      models.add(model);
      if (!allowed.models && model !== first?.model) return NO_OTHER_MODEL;
      if (!allowed.projects && another) return NO_OTHER_PROJECT;
      if (!allowed.providers && isGoogle(kind) !== isGoogle(first?.kind)) return NO_OTHER_PROVIDER;
      return undefined;
    };
    this.#keep(refused);
  }

  /** Leaves out targets of projects that are out for a while: at most half of those that call an upstream. */
  eject(isOut: (project: string) => boolean): void {
    let left = Math.floor(this.#ranked.filter(({ target }) => target.upstream).length / 2);
    this.#keep(({ upstream, project }) => {
      if (left === 0 || !upstream || !isOut(project)) return undefined;
      left -= 1;
      return EJECTED;
    });
  }

  /** The plan. Throws what tells the caller why there is nothing in it. */
  finish(asked: string | undefined): RoutePlan {
    if (this.#ranked.length === 0) throw this.#nothing(asked);
    return { targets: this.#ranked, skipped: this.#skipped };
  }

  /** Keeps the targets for which there is no reason against it, in their order. */
  #keep(reasonAgainst: (target: Target) => string | undefined): void {
    const kept = this.#ranked.filter(({ target }) => {
      const why = reasonAgainst(target);
      if (why !== undefined) this.#skipped.push({ target: targetName(target), why });
      return why === undefined;
    });
    this.#ranked.splice(0, Infinity, ...kept);
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

function isGoogle(kind: Target['kind'] | undefined): boolean {
  return kind === 'gemini' || kind === 'vertex';
}
