import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { sectionToken } from '../config/config.module.js';
import { Clock } from '../core/clock.js';
import type { Priority } from '../core/call.js';
import type { GatewayError } from '../core/gateway-error.js';
import { LedgerStatus } from './ledger-status.port.js';
import { lessonOf, LearnedLimits } from './learned-limits.js';
import {
  QuotaLedger,
  type QuotaBucket,
  type QuotaDecision,
  type QuotaLimits,
  type QuotaTarget,
  type QuotaUse,
  type ReservationKey,
} from './quota-ledger.port.js';
import { costOf } from './quota-cost.js';
import { QuotaConfig } from './quota.config.js';
import { QuotaScheduler } from './scheduler.js';
import { UrgentDemand } from './urgent-demand.js';

/** What a call asks a target's quotas for. */
export interface QuotaAsk {
  readonly target: QuotaTarget;
  /** The limits that count, as `limits` gave them. */
  readonly limits: QuotaLimits;
  readonly estimate: QuotaUse;
  /** How long the call can take at most. */
  readonly ttlMs: number;
  readonly priority: Priority;
  /** Whether the call waited so long that its class does not count any more. */
  readonly aged: boolean;
}

/** Room in a target's quotas that was taken for one upstream call. Exactly one of its methods is called, once. */
export interface QuotaHold {
  /** The call was answered and used so much; what is not known is absent. */
  answered(used: Partial<QuotaUse>): void;
  /** The call failed. */
  failed(error: GatewayError): void;
  /** The call was not made. */
  release(): void;
}

/** Why there is no room. */
export interface QuotaRefusal {
  /** The quota in the way; `target` where all of them are, `ledger` where nobody can say. */
  readonly bucket: Exclude<QuotaDecision, { admitted: true }>['bucket'];
  readonly why: string;
  readonly retryAfterMs: number;
  /** Whether it is a quota of the day, or none at all. */
  readonly lasting: boolean;
}

/** How often a bucket refused, since the start. */
export interface RefusalCount {
  readonly target: QuotaTarget;
  readonly bucket: string;
  readonly times: number;
}

/** The grace after a call's deadline until its reservation expires. */
const GRACE_MS = 5_000;
/** How long a quota rests where Google names no time. */
const MINUTE_REST_MS = 10_000;
/** Of these comes free within the minute what was taken of them. */
const MINUTE_BUCKETS: ReadonlySet<string> = new Set<QuotaBucket>([
  'requestsPerMinute',
  'inputTokensPerMinute',
  'imagesPerMinute',
]);
/** Most of a quota that is set aside for urgent calls. */
const MOST_SET_ASIDE = 0.8;
/** After so long it is worth asking again for a place among concurrent calls. */
const PLACE_MS = 1_000;
/** Counts of refusals kept; the first are forgotten beyond it. */
const MAX_COUNTS = 4_096;

const BUCKET_WORDS = {
  requestsPerMinute: 'requests per minute',
  inputTokensPerMinute: 'input tokens per minute',
  imagesPerMinute: 'images per minute',
  nanoUsdPerTenMinutes: 'spend per ten minutes',
  requestsPerDay: 'requests per day',
  inputTokensPerDay: 'input tokens per day',
  concurrentCalls: 'calls at once',
  target: 'quota',
} as const satisfies Record<QuotaBucket | 'target', string>;

/**
 * Takes room in Google's quotas before a call is sent, puts what it used in its place afterwards, and learns from
 * Google's refusals: a quota that Google says is used up lets nothing more through until Google's time is over.
 */
@Injectable()
export class QuotaGate {
  readonly #process = randomUUID();
  readonly #refusals = new Map<string, { target: QuotaTarget; bucket: string; times: number }>();
  #reservations = 0;

  /** Monotonic times until which targets are full, as far as was told. */
  readonly #full = new Map<string, number>();

  constructor(
    @Inject(QuotaLedger) private readonly ledger: QuotaLedger,
    private readonly learned: LearnedLimits,
    private readonly scheduler: QuotaScheduler,
    private readonly demand: UrgentDemand,
    @Inject(LedgerStatus) private readonly status: LedgerStatus,
    @Inject(sectionToken(QuotaConfig)) private readonly config: QuotaConfig,
    @Inject(Clock) private readonly clock: Clock,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('quota');
  }

  /** The limits that count for a target: configured or learned, the lower; undefined where nothing is limited. */
  limits(target: QuotaTarget, configured: QuotaLimits | undefined): QuotaLimits | undefined {
    return this.learned.effective(target, configured);
  }

  /** Takes room, or says when to ask again. */
  async take(ask: QuotaAsk): Promise<{ hold: QuotaHold } | { refusal: QuotaRefusal }> {
    const { target, estimate, ttlMs } = ask;
    const name = nameOf(target);
    const limits = this.#limitsFor(ask, name);
    // Callers choose the ids of their calls, and may choose one twice.
    const key = { target, id: `${this.#process}:${(this.#reservations += 1)}` };
    const decision = await this.ledger.reserve({
      ...key,
      estimate,
      limits,
      ttlMs: Math.max(1, Math.ceil(ttlMs)) + GRACE_MS,
    });
    if (decision.admitted) {
      this.#full.delete(name);
      this.demand.taken(name, costOf(estimate, ask.limits));
      return { hold: this.#hold(key, ask) };
    }
    // Less may fit than was asked for; what has no room at all is asked again after its time.
    const refusal = this.#refusal(ask, decision, limits);
    if (limits === ask.limits && refusal.retryAfterMs !== Infinity)
      this.#full.set(name, this.clock.monotonicMs() + refusal.retryAfterMs);
    return { refusal };
  }

  /** Whether a target had no room when it was asked last, and can have got none since but by chance. */
  isFull(target: QuotaTarget): boolean {
    const name = nameOf(target);
    const untilMs = this.#full.get(name);
    return (untilMs !== undefined && this.clock.monotonicMs() < untilMs) || this.scheduler.isWaitedFor(name);
  }

  /** Learns from a failed call, where it failed for a quota of Google's. */
  learn(target: QuotaTarget, error: GatewayError): void {
    const lesson = lessonOf(error);
    if (lesson === undefined) return;
    this.learned.learn(target, lesson);
    const restMs = Math.ceil(error.retryAfterMs ?? MINUTE_REST_MS);
    const { bucket, limit } = lesson;
    this.logger.warn({ ...target, bucket, limit, rest_ms: restMs }, 'Google refused for a quota');
    this.#later(this.ledger.block(target, bucket, restMs, error.message));
  }

  /** How often which bucket refused. */
  refusals(): readonly RefusalCount[] {
    return [...this.#refusals.values()];
  }

  #hold(key: ReservationKey, { limits, estimate }: QuotaAsk): QuotaHold {
    const settle = (used: Partial<QuotaUse>): void => {
      const frees =
        limits.concurrentCalls !== undefined ||
        Object.entries(used).some(([name, amount]) => amount < estimate[name as keyof QuotaUse]);
      this.#later(this.ledger.settle(key, used), frees ? key.target : undefined);
    };
    const release = (): void => this.#later(this.ledger.release(key), key.target);
    return {
      answered: settle,
      failed: (error) => {
        const { upstreamStatus } = error.metadata;
        // Google counts what it answers, refusals too, and charges no tokens for them; what it could not handle, or what
        // never reached it, counts nothing. What was cut off may have used all that was reserved.
        if (error.reason === 'CANCELLED' || error.metadata['timeout'] !== undefined) settle({});
        else if (upstreamStatus === undefined || upstreamStatus >= 500) release();
        else settle({ inputTokens: 0, images: 0, nanoUsd: 0 });
      },
      release,
    };
  }

  /** The limits of a call: less what it leaves to those that are more urgent. */
  #limitsFor({ limits, priority, aged }: QuotaAsk, name: string): QuotaLimits {
    if (priority === 'interactive' || aged) return limits;
    const kept = priority === 'batch' ? this.config.keptFromBatch : 0;
    const replicas = this.status.state?.replicas ?? 1;
    const setAside = Math.min(MOST_SET_ASIDE, this.demand.reserved(name) * replicas);
    if (kept === 0 && setAside === 0) return limits;
    return Object.fromEntries(
      Object.entries(limits).map(([bucket, limit]) => {
        const part = 1 - (MINUTE_BUCKETS.has(bucket) ? Math.max(kept, setAside) : kept);
        // Never nothing of something.
        return [bucket, Math.min(limit, Math.max(1, Math.floor(limit * part)))];
      }),
    );
  }

  #refusal(
    { target, priority, limits: whole }: QuotaAsk,
    decision: Exclude<QuotaDecision, { admitted: true }>,
    limits: QuotaLimits,
  ): QuotaRefusal {
    const { bucket, why } = decision;
    // A place is free at that time at the latest; most calls take nothing like as long as they may.
    const retryAfterMs =
      bucket === 'concurrentCalls' ? Math.min(decision.retryAfterMs, PLACE_MS) : decision.retryAfterMs;
    this.#count(target, bucket);
    if (bucket === 'ledger')
      return { bucket, why: 'The quota ledger is out of reach.', retryAfterMs, lasting: false };
    const whose =
      bucket !== 'target' && limits[bucket] !== whole[bucket]
        ? `, of which calls of the class ${priority} get ${limits[bucket]} now`
        : '';
    const limit = bucket === 'target' ? '' : ` (limit ${whole[bucket]}${whose})`;
    const counted = `The project's ${BUCKET_WORDS[bucket]} for this model are used up${limit}.`;
    const lasting = bucket === 'requestsPerDay' || bucket === 'inputTokensPerDay' || bucket === 'target';
    return { bucket, why: why ?? counted, retryAfterMs, lasting };
  }

  #count(target: QuotaTarget, bucket: string): void {
    const name = `${target.project}\n${target.location}\n${target.model}\n${bucket}`;
    const count = this.#refusals.get(name);
    if (count !== undefined) {
      count.times += 1;
      return;
    }
    this.#refusals.set(name, { target, bucket, times: 1 });
    if (this.#refusals.size <= MAX_COUNTS) return;
    const [oldest] = this.#refusals.keys();
    if (oldest !== undefined) this.#refusals.delete(oldest);
  }

  /** The call is over; what its books still need must not hold it up, nor fail it. */
  #later(work: Promise<unknown>, freed?: QuotaTarget): void {
    void this.#settled(work, freed);
  }

  async #settled(work: Promise<unknown>, freed: QuotaTarget | undefined): Promise<void> {
    try {
      await work;
      if (freed !== undefined) this.scheduler.freed(nameOf(freed));
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown.message : typeof thrown;
      this.logger.error({ error }, 'a quota could not be settled');
    }
  }
}

/** As targets are called where calls wait for them; a project has one location. */
function nameOf({ project, model }: QuotaTarget): string {
  return `${project}/${model}`;
}
