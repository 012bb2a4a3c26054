import type { Clock } from '../../../src/core/clock.js';
import type {
  Attendance,
  QuotaBucket,
  QuotaDecision,
  QuotaLedger,
  QuotaSnapshot,
  QuotaTarget,
  QuotaUse,
  Reservation,
  ReservationKey,
  Settlement,
  SharedQuotaLedger,
} from '../../../src/quota/quota-ledger.port.js';
import { MemoryQuotaLedger } from '../../../src/storage/memory/memory-quota-ledger.js';

/** A shared ledger that can be taken away. */
export class SwitchedLedger implements SharedQuotaLedger {
  /** Rejects everything; `after` it was done, or `before`. */
  away: 'before' | 'after' | undefined;
  attendance: Attendance = { replicas: 1, remembered: true };
  readonly attended: (QuotaTarget | undefined)[] = [];
  /** What it was asked and told, by name. */
  readonly calls: string[] = [];
  readonly within: QuotaLedger;

  constructor(clock: Clock) {
    this.within = new MemoryQuotaLedger(clock);
  }

  attend(target?: QuotaTarget): Promise<Attendance> {
    this.attended.push(target);
    return this.#pass('attend', () => Promise.resolve(this.attendance));
  }

  reserve(reservation: Reservation): Promise<QuotaDecision> {
    return this.#pass('reserve', () => this.within.reserve(reservation));
  }

  settle(key: ReservationKey, actual: Partial<QuotaUse>): Promise<Settlement> {
    return this.#pass('settle', () => this.within.settle(key, actual));
  }

  release(key: ReservationKey): Promise<Settlement> {
    return this.#pass('release', () => this.within.release(key));
  }

  record(reservation: Reservation, ageMs: number): Promise<void> {
    return this.#pass('record', () => this.within.record(reservation, ageMs));
  }

  block(target: QuotaTarget, bucket: QuotaBucket | 'target', forMs: number, why: string): Promise<void> {
    return this.#pass('block', () => this.within.block(target, bucket, forMs, why));
  }

  snapshot(target: QuotaTarget): Promise<QuotaSnapshot> {
    return this.#pass('snapshot', () => this.within.snapshot(target));
  }

  async #pass<T>(name: string, act: () => Promise<T>): Promise<T> {
    this.calls.push(name);
    if (this.away === 'before') throw new Error('nobody answers');
    const result = await act();
    if (this.away === 'after') throw new Error('the answer is lost');
    return result;
  }
}
