import {
  COUNTED_BUCKET_NAMES,
  COUNTED_BUCKETS,
  type BucketState,
  type CountedBucket,
  type QuotaBucket,
  type QuotaSnapshot,
  type QuotaUse,
  type Reservation,
  SETTLED_MEMORY_MS,
} from '../../quota/quota-ledger.port.js';
import { type QuotaRefusal, worstRefusal } from '../quota-refusal.js';
import { ExpiryQueue } from './expiry-queue.js';
import { type QuotaMoment, stepsOf } from './quota-moment.js';
import { SlidingWindow } from './sliding-window.js';

/** What a reservation counts in one bucket. */
interface Charge {
  readonly bucket: CountedBucket;
  readonly step: number;
  readonly amount: number;
}

interface OpenReservation {
  readonly id: string;
  readonly charges: readonly Charge[];
  isOpen: boolean;
}

interface Mark {
  readonly untilMs: number;
  readonly why: string;
}

/** The use of one target's quotas: its windows, its open reservations and its marks. */
export class TargetQuota {
  readonly #windows = new Map<CountedBucket, SlidingWindow>();
  readonly #marks = new Map<QuotaBucket | 'target', Mark>();
  readonly #open = new Map<string, OpenReservation>();
  readonly #expiries = new ExpiryQueue<OpenReservation>(({ isOpen }) => isOpen);
  /** Until when the ids of settled reservations are remembered, in the order of their settlement. */
  readonly #settled = new Map<string, number>();

  /** Reservations that are open. */
  get openReservations(): number {
    return this.#open.size;
  }

  /** Forgets what ended by now. To be called first whenever the target is asked something. */
  expire({ monotonicMs }: QuotaMoment): void {
    for (;;) {
      const expired = this.#expiries.takeDue(monotonicMs);
      if (expired === undefined) break;
      this.#close(expired);
    }
    for (const [id, untilMs] of this.#settled) {
      if (untilMs > monotonicMs) break;
      this.#settled.delete(id);
    }
  }

  /** Frees the reservation that would expire first. Its use stays counted. */
  expireFirst(): void {
    const first = this.#expiries.takeDue(Infinity);
    if (first !== undefined) this.#close(first);
  }

  /** Whether an id is counted already. */
  knows(id: string): boolean {
    return this.#open.has(id) || this.#settled.has(id);
  }

  /** Why a reservation does not fit now, or undefined where it does. */
  refusal(reservation: Reservation, moment: QuotaMoment): QuotaRefusal | undefined {
    return worstRefusal(this.#refusals(reservation, moment));
  }

  /** Counts a reservation, from so long ago on. */
  charge({ id, estimate, limits, ttlMs }: Reservation, moment: QuotaMoment, ageMs: number): void {
    const charges: Charge[] = [];
    for (const bucket of COUNTED_BUCKET_NAMES) {
      const limit = limits[bucket];
      const amount = estimate[COUNTED_BUCKETS[bucket].counts];
      if (limit === undefined || amount === 0) continue;
      const window = this.#windowAt(bucket, moment) ?? this.#newWindow(bucket, moment);
      // A calendar that was set back does not take a window back with it.
      const step = window.step - (moment.stepOf(bucket) - moment.stepOf(bucket, ageMs));
      window.limit(limit);
      if (window.add(amount, step)) charges.push({ bucket, step, amount });
    }
    const reservation = { id, charges, isOpen: true };
    this.#open.set(id, reservation);
    this.#expiries.push(moment.monotonicMs + ttlMs, reservation, this.#open.size);
  }

  /** Puts what was used in place of the estimate. False where the id is not open. */
  settle(id: string, actual: Partial<QuotaUse>, moment: QuotaMoment): boolean {
    const reservation = this.#open.get(id);
    if (reservation === undefined) return false;
    this.#close(reservation);
    this.#settled.set(id, moment.monotonicMs + SETTLED_MEMORY_MS);
    for (const { bucket, step, amount } of reservation.charges) {
      const more = (actual[COUNTED_BUCKETS[bucket].counts] ?? amount) - amount;
      if (more === 0) continue;
      const window = this.#windowAt(bucket, moment);
      if (more > 0) window?.owe(more);
      else window?.takeBack(-more, step);
    }
    return true;
  }

  /** Marks a bucket, for longer than it is marked already, or takes its mark away. */
  block(bucket: QuotaBucket | 'target', forMs: number, why: string, { monotonicMs }: QuotaMoment): void {
    const untilMs = monotonicMs + forMs;
    if (forMs <= 0) this.#marks.delete(bucket);
    else if (untilMs > (this.#marks.get(bucket)?.untilMs ?? 0)) this.#marks.set(bucket, { untilMs, why });
  }

  snapshot(moment: QuotaMoment): QuotaSnapshot {
    const buckets: Partial<Record<CountedBucket, BucketState>> = {};
    for (const bucket of COUNTED_BUCKET_NAMES) {
      const window = this.#windowAt(bucket, moment);
      if (window === undefined) continue;
      const { used, debt } = window;
      const resetMs = used === 0 ? 0 : moment.msUntil(bucket, window.stepToClear());
      buckets[bucket] = { used, debt, resetMs, reserved: this.#reserved(bucket, window) };
    }
    const marks = [...this.#marks]
      .map(([bucket, { untilMs, why }]) => ({ bucket, leftMs: untilMs - moment.monotonicMs, why }))
      .filter(({ leftMs }) => leftMs > 0);
    return { buckets, openReservations: this.#open.size, marks };
  }

  *#refusals({ estimate, limits }: Reservation, moment: QuotaMoment): Iterable<QuotaRefusal | undefined> {
    yield this.#markOn('target', moment);
    for (const bucket of COUNTED_BUCKET_NAMES) {
      yield this.#markOn(bucket, moment);
      const limit = limits[bucket];
      const amount = estimate[COUNTED_BUCKETS[bucket].counts];
      if (limit === undefined || amount === 0) continue;
      const window = this.#windowAt(bucket, moment);
      if (window !== undefined && window.debt > 0) window.limit(limit);
      if (window?.fits(amount, limit) ?? amount <= limit) continue;
      const step = window?.stepToFit(amount, limit) ?? Infinity;
      yield { admitted: false, bucket, retryAfterMs: moment.msUntil(bucket, step) };
    }
    yield this.#markOn('concurrentCalls', moment);
    const { concurrentCalls } = limits;
    if (concurrentCalls !== undefined && this.#open.size >= concurrentCalls) {
      const retryAfterMs = (this.#expiries.firstMs() ?? Infinity) - moment.monotonicMs;
      yield { admitted: false, bucket: 'concurrentCalls', retryAfterMs };
    }
  }

  #reserved(bucket: CountedBucket, window: SlidingWindow): number {
    let reserved = 0;
    for (const { charges } of this.#open.values())
      for (const charge of charges)
        if (charge.bucket === bucket && window.holds(charge.step)) reserved += charge.amount;
    return reserved;
  }

  #close(reservation: OpenReservation): void {
    reservation.isOpen = false;
    this.#open.delete(reservation.id);
  }

  #markOn(bucket: QuotaBucket | 'target', { monotonicMs }: QuotaMoment): QuotaRefusal | undefined {
    const mark = this.#marks.get(bucket);
    if (mark === undefined) return undefined;
    const retryAfterMs = mark.untilMs - monotonicMs;
    if (retryAfterMs > 0) return { admitted: false, bucket, retryAfterMs, why: mark.why };
    this.#marks.delete(bucket);
    return undefined;
  }

  #windowAt(bucket: CountedBucket, moment: QuotaMoment): SlidingWindow | undefined {
    const window = this.#windows.get(bucket);
    window?.advance(moment.stepOf(bucket));
    return window;
  }

  #newWindow(bucket: CountedBucket, moment: QuotaMoment): SlidingWindow {
    const window = new SlidingWindow(stepsOf(bucket), moment.stepOf(bucket));
    this.#windows.set(bucket, window);
    return window;
  }
}
