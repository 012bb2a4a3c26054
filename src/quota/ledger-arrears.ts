import type {
  QuotaBucket,
  QuotaTarget,
  QuotaUse,
  Reservation,
  ReservationKey,
  SharedQuotaLedger,
} from './quota-ledger.port.js';

type Arrear =
  | {
      readonly kind: 'charge';
      readonly reservation: Reservation;
      readonly sinceMs: number;
      readonly actual?: Partial<QuotaUse>;
    }
  | {
      readonly kind: 'settlement';
      readonly key: ReservationKey;
      readonly actual: Partial<QuotaUse>;
      /** Whether the ledger may well not know the reservation. */
      readonly doubtful: boolean;
    }
  | {
      readonly kind: 'mark';
      readonly target: QuotaTarget;
      readonly bucket: QuotaBucket | 'target';
      readonly untilMs: number;
      readonly why: string;
    };

/** So many that a server which has to share its processor answers the last one in time as well. */
const AT_ONCE = 16;

/**
 * What a shared ledger that was out of reach is still to be told: calls that were let through without it, settlements
 * and marks. Bounded: beyond `most` the oldest is dropped, and counted as lost.
 */
export class LedgerArrears {
  /** Dropped for want of room. */
  lost = 0;
  /** Settlements of reservations that the ledger did not know any more. */
  unmatched = 0;
  // In the order in which they came, each by a name: what is told twice is told once.
  #arrears = new Map<string, Arrear>();

  constructor(private readonly most: number) {}

  get size(): number {
    return this.#arrears.size;
  }

  /** A call was let through at that time of the monotonic clock. */
  charge(reservation: Reservation, sinceMs: number): void {
    this.#add(`charge ${nameOf(reservation)}`, { kind: 'charge', reservation, sinceMs });
  }

  /** Adds a settlement to the charge that waits; false where none does. */
  settleCharge(key: ReservationKey, actual: Partial<QuotaUse>): boolean {
    const name = `charge ${nameOf(key)}`;
    const waiting = this.#arrears.get(name);
    if (waiting?.kind !== 'charge') return false;
    this.#arrears.set(name, { actual, ...waiting });
    return true;
  }

  /** A call was settled. */
  settle(key: ReservationKey, actual: Partial<QuotaUse>, doubtful = false): void {
    const name = `settlement ${nameOf(key)}`;
    if (!this.#arrears.has(name)) this.#add(name, { kind: 'settlement', key, actual, doubtful });
  }

  /** A bucket was marked, until that time of the monotonic clock. */
  mark(target: QuotaTarget, bucket: QuotaBucket | 'target', untilMs: number, why: string): void {
    const name = `mark ${nameOf({ target, id: bucket })}`;
    this.#arrears.delete(name);
    this.#add(name, { kind: 'mark', target, bucket, untilMs, why });
  }

  /** Tells a ledger everything, the oldest first. Rejects where it is out of reach again; what it was not told stays. */
  async tell(ledger: SharedQuotaLedger, nowMs: () => number): Promise<void> {
    while (this.#arrears.size > 0) {
      const some = [...this.#arrears].slice(0, AT_ONCE);
      for (const [name] of some) this.#arrears.delete(name);
      try {
        // What a settlement settles may be in the same lot.
        for (const kind of ['charge', 'mark', 'settlement'] as const)
          await Promise.all(
            some.map(async ([, arrear]) => {
              if (arrear.kind === kind) await this.#tellOne(ledger, arrear, nowMs());
            }),
          );
      } catch (thrown) {
        // Telling twice does no harm. What came meanwhile is newer.
        this.#arrears = new Map([...some, ...this.#arrears]);
        throw thrown;
      }
    }
  }

  async #tellOne(ledger: SharedQuotaLedger, arrear: Arrear, nowMs: number): Promise<void> {
    switch (arrear.kind) {
      case 'charge': {
        const { reservation, sinceMs, actual } = arrear;
        const ageMs = nowMs - sinceMs;
        await ledger.record({ ...reservation, ttlMs: Math.max(1, reservation.ttlMs - ageMs) }, ageMs);
        if (actual !== undefined) await ledger.settle(reservation, actual);
        return;
      }
      case 'settlement':
        if ((await ledger.settle(arrear.key, arrear.actual)) === 'unknown' && !arrear.doubtful)
          this.unmatched += 1;
        return;
      case 'mark': {
        const { target, bucket, untilMs, why } = arrear;
        await ledger.block(target, bucket, Math.max(0, untilMs - nowMs), why);
      }
    }
  }

  #add(name: string, arrear: Arrear): void {
    this.#arrears.set(name, arrear);
    if (this.#arrears.size <= this.most) return;
    const [oldest] = this.#arrears.keys();
    if (oldest !== undefined) this.#arrears.delete(oldest);
    this.lost += 1;
  }
}

function nameOf({ target: { project, location, model }, id }: ReservationKey): string {
  return [project, location, model, id].join('\n');
}
