import type { JsonObject } from '../core/json.js';
import type { AttemptTimeouts, Provider } from '../core/provider.js';
import type { QuotaLimits, QuotaTarget } from '../quota/quota-ledger.port.js';
import type { ProviderKind } from './projects.config.js';
import type { TaskConfig } from './tasks.config.js';

/** A model on a project: one thing that can answer a call. */
export interface Target {
  /** Id of the project. */
  readonly project: string;
  /** Model as the gateway names it. */
  readonly model: string;
  /** Model as the upstream names it. */
  readonly upstreamModel: string;
  readonly provider: Provider;
  /** Kind of upstream: Google's two backends, or another provider. */
  readonly kind: ProviderKind | 'canned';
  /** False for answers made beforehand: no upstream is called. */
  readonly upstream: boolean;
  readonly timeouts: AttemptTimeouts;
  /** Whose quotas it uses, as Google counts them. */
  readonly quota: QuotaTarget;
  /** Its configured limits; undefined where it has none. */
  readonly limits: QuotaLimits | undefined;
  /** The request as this target is to get it: the caller's, with defaults for what it left open. */
  readonly prepare: (request: Readonly<JsonObject>) => Readonly<JsonObject>;
}

/** Name of a target in records, logs and headers. */
export function targetName(target: Pick<Target, 'project' | 'model'>): string {
  return `${target.project}/${target.model}`;
}

/** A target in its place; scores compare within one plan only. */
export interface Ranked {
  readonly target: Target;
  readonly score?: number;
}

/** The targets that may answer a call, best first, and those left out. */
export interface RoutePlan {
  readonly targets: readonly Ranked[];
  readonly skipped: readonly { readonly target: string; readonly why: string }[];
  /** The task that the call is for, where it named one. */
  readonly task?: TaskConfig | undefined;
  /** Where the task's calls are copied to, where this one can be. */
  readonly mirror?: Target | undefined;
}

/** Id of the project that the start-up makes for the built-in emulator. */
export const EMULATOR_PROJECT = 'emulator';

/** Stands for the project of answers made beforehand. */
export const CANNED_PROJECT = 'canned';
