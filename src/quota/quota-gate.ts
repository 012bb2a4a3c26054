import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
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

/** What a call asks a target's quotas for. */
export interface QuotaAsk {
  readonly target: QuotaTarget;
  /** The limits that count, as `limits` gave them. */
  readonly limits: QuotaLimits;
  readonly estimate: QuotaUse;
  /** How long the call can take at most. */
  readonly ttlMs: number;
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

  constructor(
    @Inject(QuotaLedger) private readonly ledger: QuotaLedger,
    private readonly learned: LearnedLimits,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('quota');
  }

  /** The limits that count for a target: configured or learned, the lower; undefined where nothing is limited. */
  limits(target: QuotaTarget, configured: QuotaLimits | undefined): QuotaLimits | undefined {
    return this.learned.effective(target, configured);
  }

  /** Takes room, or says when to ask again. */
  async take({
    target,
    limits,
    estimate,
    ttlMs,
  }: QuotaAsk): Promise<{ hold: QuotaHold } | { refusal: QuotaRefusal }> {
    // Callers choose the ids of their calls, and may choose one twice.
    const key = { target, id: `${this.#process}:${(this.#reservations += 1)}` };
    const decision = await this.ledger.reserve({
      ...key,
      estimate,
      limits,
      ttlMs: Math.max(1, Math.ceil(ttlMs)) + GRACE_MS,
    });
    return decision.admitted
      ? { hold: this.#hold(key) }
      : { refusal: this.#refusal(target, decision, limits) };
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

  #hold(key: ReservationKey): QuotaHold {
    const settle = (used: Partial<QuotaUse>): void => this.#later(this.ledger.settle(key, used));
    const release = (): void => this.#later(this.ledger.release(key));
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

  #refusal(
    target: QuotaTarget,
    decision: Exclude<QuotaDecision, { admitted: true }>,
    limits: QuotaLimits,
  ): QuotaRefusal {
    const { bucket, retryAfterMs, why } = decision;
    this.#count(target, bucket);
    if (bucket === 'ledger')
      return { why: 'The quota ledger is out of reach.', retryAfterMs, lasting: false };
    const limit = bucket === 'target' ? '' : ` (limit ${limits[bucket]})`;
    const counted = `The project's ${BUCKET_WORDS[bucket]} for this model are used up${limit}.`;
    const lasting = bucket === 'requestsPerDay' || bucket === 'inputTokensPerDay' || bucket === 'target';
    return { why: why ?? counted, retryAfterMs, lasting };
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
  #later(work: Promise<unknown>): void {
    void work.catch((thrown: unknown) => {
      const error = thrown instanceof Error ? thrown.message : typeof thrown;
      this.logger.error({ error }, 'a quota could not be settled');
    });
  }
}
