import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { sectionToken } from '../config/config.module.js';
import { Clock } from '../core/clock.js';
import type { GatewayError } from '../core/gateway-error.js';
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
import { QuotaConfig } from './quota.config.js';
import { QuotaScheduler } from './scheduler.js';

/** What a call asks a target's quotas for. */
export interface QuotaAsk {
  readonly target: QuotaTarget;
  /** The limits that count, as `limits` gave them. */
  readonly limits: QuotaLimits;
  readonly estimate: QuotaUse;
  /** How long the call can take at most. */
  readonly ttlMs: number;
  /** Whether the call leaves the others their share of each limit. */
  readonly yields: boolean;
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
    const { target, estimate, ttlMs, yields } = ask;
    const limits = yields ? this.#partOf(ask.limits) : ask.limits;
    // Callers choose the ids of their calls, and may choose one twice.
    const key = { target, id: `${this.#process}:${(this.#reservations += 1)}` };
    const decision = await this.ledger.reserve({
      ...key,
      estimate,
      limits,
      ttlMs: Math.max(1, Math.ceil(ttlMs)) + GRACE_MS,
    });
    const name = nameOf(target);
    if (decision.admitted) {
      this.#full.delete(name);
      return { hold: this.#hold(key, ask) };
    }
    // Less may fit than was asked for; what has no room at all is asked again after its time.
    const refusal = this.#refusal(ask, decision, limits);
    if (!yields && refusal.retryAfterMs !== Infinity)
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

  /** What calls that leave the others their share may use. */
  #partOf(limits: QuotaLimits): QuotaLimits {
    const part = 1 - this.config.keptFromBatch;
    return Object.fromEntries(
      Object.entries(limits).map(([bucket, limit]) => [
        bucket,
        Math.min(limit, Math.max(1, Math.floor(limit * part))),
      ]),
    );
  }

  #refusal(
    { target, yields }: QuotaAsk,
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
    const whose = yields ? ' for calls of the class batch' : '';
    const limit = bucket === 'target' ? '' : ` (limit ${limits[bucket]}${whose})`;
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
    void work.then(
      () => {
        if (freed !== undefined) this.scheduler.freed(nameOf(freed));
      },
      (thrown: unknown) => {
        const error = thrown instanceof Error ? thrown.message : typeof thrown;
        this.logger.error({ error }, 'a quota could not be settled');
      },
    );
  }
}

/** As targets are called where calls wait for them; a project has one location. */
function nameOf({ project, model }: QuotaTarget): string {
  return `${project}/${model}`;
}
