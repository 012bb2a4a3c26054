import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import type { Call, Principal } from '../core/call.js';
import type {
  AttemptRecord,
  CacheRecord,
  CallRecord,
  PlannedTarget,
  QuotaCheck,
  SkippedTarget,
} from '../core/call-record.js';
import type { StructuredReport } from '../core/generation.js';
import type { Outcome } from '../core/outcome.js';
import type { Usage } from '../core/usage.js';
import { TelemetryConfig } from './telemetry.config.js';

/** Why a call went as it did. Nothing of its content. */
export interface Explanation {
  readonly id: string;
  readonly surface: string;
  readonly operation: string;
  readonly task?: string;
  readonly model?: string;
  readonly configVersion: number;
  /** Targets that might answer, best first. */
  readonly plan: readonly PlannedTarget[];
  readonly skipped: readonly SkippedTarget[];
  /** Model that the call's share of a divided traffic tries first. */
  readonly share?: string;
  /** What was asked of the quotas of targets, with every bucket that was checked. */
  readonly quotaChecks: readonly QuotaCheck[];
  /** Time spent in line for room in quotas. */
  readonly waitedMs: number;
  /** What the cache did, for calls that go through it. */
  readonly cache?: CacheRecord;
  readonly attempts: readonly AttemptRecord[];
  /** Target that answered. */
  readonly target?: string;
  /** A verdict, a reason, `abandoned`, or `running`. */
  readonly outcome: string;
  readonly finishReason?: string;
  /** How the answer was held to its schema. */
  readonly structured?: StructuredReport;
  readonly usage: Usage;
}

interface Remembered {
  readonly tenant: string;
  readonly about: Pick<Explanation, 'id' | 'surface' | 'operation' | 'task' | 'model' | 'configVersion'>;
  readonly record: CallRecord;
}

/** The last calls, as long as they are remembered. Bounded in number; what is kept of a call holds no content. */
@Injectable()
export class Explanations {
  readonly #calls = new Map<string, Remembered>();

  constructor(@Inject(sectionToken(TelemetryConfig)) private readonly config: TelemetryConfig) {}

  /** Remembers a call from its beginning on. Of two calls with one id the later one counts. */
  remember({ id, principal, surface, operation, task, model, config, record }: Call): void {
    this.#calls.delete(id);
    const about = {
      id,
      surface,
      operation,
      ...(task === undefined ? {} : { task }),
      ...(model === undefined ? {} : { model }),
      configVersion: config.version,
    };
    this.#calls.set(id, { tenant: principal.tenant, about, record });
    if (this.#calls.size <= this.config.explainedRequests) return;
    const [oldest] = this.#calls.keys();
    if (oldest !== undefined) this.#calls.delete(oldest);
  }

  /** The explanation of a call of the asker's tenant, of any tenant for an admin; undefined where there is none. */
  of(id: string, asker: Principal): Explanation | undefined {
    const remembered = this.#calls.get(id);
    if (remembered === undefined) return undefined;
    if (remembered.tenant !== asker.tenant && !asker.scopes.includes('admin')) return undefined;
    const { about, record } = remembered;
    const { plan, skipped, share, quotaChecks, waitedMs, cache, attempts, target, outcome, structured } =
      record;
    return {
      ...about,
      plan,
      skipped,
      ...(share === undefined ? {} : { share }),
      quotaChecks,
      waitedMs,
      ...(cache === undefined ? {} : { cache }),
      attempts,
      ...(target === undefined ? {} : { target }),
      outcome: outcome === undefined ? 'running' : outcomeName(outcome),
      ...(outcome?.kind === 'completed' ? { finishReason: outcome.finish.finishReason } : {}),
      ...(structured === undefined ? {} : { structured }),
      usage: record.usage(),
    };
  }
}

/** How a call ended, in one word: a verdict, a reason, or `abandoned`. */
export function outcomeName(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'completed':
      return outcome.finish.verdict;
    case 'failed':
      return outcome.error.reason;
    case 'abandoned':
      return 'abandoned';
  }
}
