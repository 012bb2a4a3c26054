import type { Clock } from '../../core/clock.js';
import {
  assertId,
  assertReservation,
  assertSpan,
  assertUse,
  LONGEST_MARK_MS,
  LONGEST_WHY,
  NO_USE,
  type QuotaBucket,
  type QuotaDecision,
  type QuotaLedger,
  type QuotaSnapshot,
  type QuotaTarget,
  type QuotaUse,
  type Reservation,
  type ReservationKey,
  type Settlement,
} from '../../quota/quota-ledger.port.js';
import { QuotaMoment } from './quota-moment.js';
import { TargetQuota } from './target-quota.js';

/** Bounds of the memory that a ledger takes. */
export interface MemoryQuotaLedgerBounds {
  /** Beyond it the target that was asked for least recently is forgotten. */
  readonly targets: number;
  /** Open at once, of one target; beyond it the one that would expire first does. */
  readonly openReservations: number;
}

const BOUNDS: MemoryQuotaLedgerBounds = { targets: 4_096, openReservations: 100_000 };

/** Counts in this process's memory. What is counted here no other process knows, nor this one after a restart. */
export class MemoryQuotaLedger implements QuotaLedger {
  // Ordered by last use, the longest ago first.
  readonly #targets = new Map<string, TargetQuota>();

  constructor(
    private readonly clock: Clock,
    private readonly bounds: MemoryQuotaLedgerBounds = BOUNDS,
  ) {}

  /** Targets that are remembered. */
  get targets(): number {
    return this.#targets.size;
  }

  async reserve(reservation: Reservation): Promise<QuotaDecision> {
    assertReservation(reservation);
    const moment = new QuotaMoment(this.clock);
    const target = this.#at(reservation.target, moment);
    if (target.knows(reservation.id)) return { admitted: true };
    const refusal = target.refusal(reservation, moment);
    if (refusal !== undefined) return refusal;
    this.#charge(target, reservation, moment, 0);
    return { admitted: true };
  }

  async settle({ target, id }: ReservationKey, actual: Partial<QuotaUse>): Promise<Settlement> {
    assertId(id);
    assertUse(actual);
    const moment = new QuotaMoment(this.clock);
    return this.#at(target, moment).settle(id, actual, moment) ? 'settled' : 'unknown';
  }

  release(key: ReservationKey): Promise<Settlement> {
    return this.settle(key, NO_USE);
  }

  async record(reservation: Reservation, ageMs: number): Promise<void> {
    assertReservation(reservation);
    assertSpan('ageMs', ageMs);
    const moment = new QuotaMoment(this.clock);
    const target = this.#at(reservation.target, moment);
    if (!target.knows(reservation.id)) this.#charge(target, reservation, moment, ageMs);
  }

  async block(
    target: QuotaTarget,
    bucket: QuotaBucket | 'target',
    forMs: number,
    why: string,
  ): Promise<void> {
    assertSpan('forMs', forMs);
    const moment = new QuotaMoment(this.clock);
    const boundMs = Math.min(forMs, LONGEST_MARK_MS);
    this.#at(target, moment).block(bucket, boundMs, why.slice(0, LONGEST_WHY), moment);
  }

  async snapshot(target: QuotaTarget): Promise<QuotaSnapshot> {
    const moment = new QuotaMoment(this.clock);
    return this.#at(target, moment).snapshot(moment);
  }

  #charge(target: TargetQuota, reservation: Reservation, moment: QuotaMoment, ageMs: number): void {
    target.charge(reservation, moment, ageMs);
    if (target.openReservations > this.bounds.openReservations) target.expireFirst();
  }

  #at({ project, location, model }: QuotaTarget, moment: QuotaMoment): TargetQuota {
    const name = `${project}\n${location}\n${model}`;
    const present = this.#targets.get(name);
    this.#targets.delete(name);
    const target = present ?? new TargetQuota();
    this.#targets.set(name, target);
    if (this.#targets.size > this.bounds.targets) {
      const [oldest] = this.#targets.keys();
      if (oldest !== undefined) this.#targets.delete(oldest);
    }
    target.expire(moment);
    return target;
  }
}
