import { Injectable } from '@nestjs/common';
import type { GatewayError } from '../core/gateway-error.js';
import type { QuotaBucket, QuotaLimits, QuotaTarget } from './quota-ledger.port.js';

/** Targets of which limits were learned; the first learned are forgotten beyond it. */
const MAX_TARGETS = 4_096;

/** What a 429 of Google's told of a quota. */
export interface Lesson {
  /** The quota that it names; the whole target where it names none that is counted. */
  readonly bucket: QuotaBucket | 'target';
  /** The limit that it names. */
  readonly limit?: number;
}

/** Reads which of the counted quotas an error is about; undefined where it is about none. */
export function lessonOf({ metadata }: GatewayError): Lesson | undefined {
  const { quotaKind, quotaId, quotaValue } = metadata;
  if (quotaKind !== 'minute' && quotaKind !== 'day' && quotaKind !== 'gate') return undefined;
  if (quotaKind === 'gate' || typeof quotaId !== 'string') return { bucket: 'target' };
  const bucket = bucketOf(quotaId);
  const limit = Number(quotaValue);
  return bucket === 'target' || !Number.isSafeInteger(limit) || limit <= 0 ? { bucket } : { bucket, limit };
}

/** Limits that Google named in its refusals. One that is lower than the configured one is believed. */
@Injectable()
export class LearnedLimits {
  readonly #limits = new Map<string, Partial<Record<QuotaBucket, number>>>();

  /** Remembers the limit of a lesson, if it has one. */
  learn(target: QuotaTarget, { bucket, limit }: Lesson): void {
    if (bucket === 'target' || limit === undefined) return;
    const name = nameOf(target);
    const known = this.#limits.get(name);
    this.#limits.set(name, { ...known, [bucket]: limit });
    if (this.#limits.size <= MAX_TARGETS) return;
    const [oldest] = this.#limits.keys();
    if (oldest !== undefined) this.#limits.delete(oldest);
  }

  /** What was learned of a target; undefined where nothing was. */
  of(target: QuotaTarget): QuotaLimits | undefined {
    return this.#limits.get(nameOf(target));
  }

  /** The limits that count: of each bucket the lower of the configured and the learned one; undefined without any. */
  effective(target: QuotaTarget, configured: QuotaLimits | undefined): QuotaLimits | undefined {
    const learned = this.#limits.size === 0 ? undefined : this.of(target);
    if (learned === undefined || configured === undefined) return learned ?? configured;
    const lower = { ...configured };
    for (const [bucket, limit] of Object.entries(learned) as [QuotaBucket, number][])
      lower[bucket] = Math.min(limit, configured[bucket] ?? Infinity);
    return lower;
  }
}

/** By the parts of Google's quota ids and metrics, which come in many compositions. */
function bucketOf(quotaId: string): Lesson['bucket'] {
  const perDay = /Per_?Day/i.test(quotaId);
  if (/image/i.test(quotaId)) return perDay ? 'target' : 'imagesPerMinute';
  if (/token/i.test(quotaId)) return perDay ? 'inputTokensPerDay' : 'inputTokensPerMinute';
  if (/request/i.test(quotaId)) return perDay ? 'requestsPerDay' : 'requestsPerMinute';
  return 'target';
}

function nameOf({ project, location, model }: QuotaTarget): string {
  return `${project}\n${location}\n${model}`;
}
