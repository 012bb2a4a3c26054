import { LedgerArrears } from './ledger-arrears.js';
import { type LedgerSight, LedgerWatch, type LedgerWatchParts } from './ledger-watch.js';
import type { LedgerRule, QuotaConfig } from './quota.config.js';
import {
  NO_USE,
  type QuotaBucket,
  type QuotaDecision,
  type QuotaLedger,
  type QuotaLimits,
  type QuotaSnapshot,
  type QuotaTarget,
  type QuotaUse,
  type Reservation,
  type ReservationKey,
  type Settlement,
} from './quota-ledger.port.js';

/** How it stands with the shared ledger. */
export interface LedgerState extends LedgerSight {
  readonly rule: LedgerRule;
  /** Charges, settlements and marks that it is still to be told. */
  readonly arrears: number;
  /** Arrears dropped because there were too many. */
  readonly lostArrears: number;
  /** Settlements that it could not match with a reservation, which had expired or was lost: its estimate stays. */
  readonly unmatchedSettlements: number;
}

/** What the ledger is made of. */
export interface ResilientQuotaLedgerParts extends LedgerWatchParts {
  /** In this process's memory. */
  readonly local: QuotaLedger;
  readonly config: QuotaConfig;
}

const MOST_ARREARS = 10_000;

/**
 * Counts in a shared ledger, and by a rule while that is out of reach, so that nobody waits for it longer than for one
 * answer and nothing ever fails for it. The first call that gets no answer in time turns to the rule, for all calls,
 * until the ledger is found well and was told what happened without it. Whatever this replica lets through is counted
 * in memory as well, for the rule `local` to go on from; with it each replica has its share of the limits, by the
 * number of replicas counted last.
 */
export class ResilientQuotaLedger implements QuotaLedger {
  readonly #arrears = new LedgerArrears(MOST_ARREARS);
  readonly #watch: LedgerWatch;
  #unmatched = 0;

  constructor(private readonly parts: ResilientQuotaLedgerParts) {
    this.#watch = new LedgerWatch(parts, this.#arrears, parts.config.assumedReplicas);
  }

  /** Joins the replicas and keeps watch until it is closed. Resolves after the first look; never rejects. */
  start(): Promise<void> {
    return this.#watch.look();
  }

  /** Ends the watch. */
  close(): void {
    this.#watch.close();
  }

  state(): LedgerState {
    return {
      ...this.#watch.sight(),
      rule: this.parts.config.whenRedisIsAway,
      arrears: this.#arrears.size,
      lostArrears: this.#arrears.lost,
      unmatchedSettlements: this.#unmatched + this.#arrears.unmatched,
    };
  }

  async reserve(reservation: Reservation): Promise<QuotaDecision> {
    const { shared, local } = this.parts;
    if (this.#watch.isAway) return this.#byRule(reservation, false);
    try {
      const decision = await shared.reserve(reservation);
      if (decision.admitted) await local.record(reservation, 0);
      return decision;
    } catch (thrown) {
      this.#failed(thrown, reservation.target);
      return this.#byRule(reservation, true);
    }
  }

  async settle(key: ReservationKey, actual: Partial<QuotaUse>): Promise<Settlement> {
    await this.parts.local.settle(key, actual);
    if (this.#arrears.settleCharge(key, actual)) return 'deferred';
    const settlement = await this.#told<Settlement>(
      key.target,
      () => this.parts.shared.settle(key, actual),
      (asked) => {
        // It may have been settled although the answer did not come.
        this.#arrears.settle(key, actual, asked);
        return 'deferred';
      },
    );
    if (settlement === 'unknown') this.#unmatched += 1;
    return settlement;
  }

  release(key: ReservationKey): Promise<Settlement> {
    return this.settle(key, NO_USE);
  }

  async record(reservation: Reservation, ageMs: number): Promise<void> {
    const sinceMs = this.parts.clock.monotonicMs() - ageMs;
    await this.parts.local.record(reservation, ageMs);
    await this.#told(
      reservation.target,
      () => this.parts.shared.record(reservation, ageMs),
      () => this.#arrears.charge(reservation, sinceMs),
    );
  }

  async block(
    target: QuotaTarget,
    bucket: QuotaBucket | 'target',
    forMs: number,
    why: string,
  ): Promise<void> {
    const untilMs = this.parts.clock.monotonicMs() + forMs;
    await this.parts.local.block(target, bucket, forMs, why);
    await this.#told(
      target,
      () => this.parts.shared.block(target, bucket, forMs, why),
      () => this.#arrears.mark(target, bucket, untilMs, why),
    );
  }

  /** What replicas counted together, or this one alone while the shared ledger is out of reach. */
  snapshot(target: QuotaTarget): Promise<QuotaSnapshot> {
    return this.#told(
      target,
      () => this.parts.shared.snapshot(target),
      () => this.parts.local.snapshot(target),
    );
  }

  /** What the shared ledger says, or `otherwise` where it does not, though it may have been asked. */
  async #told<T>(
    target: QuotaTarget,
    tell: () => Promise<T>,
    otherwise: (asked: boolean) => T | Promise<T>,
  ): Promise<T> {
    if (this.#watch.isAway) return otherwise(false);
    try {
      return await tell();
    } catch (thrown) {
      this.#failed(thrown, target);
      return otherwise(true);
    }
  }

  #failed(thrown: unknown, target: QuotaTarget): void {
    // What no ledger takes says nothing about this one.
    if (thrown instanceof RangeError) throw thrown;
    this.#watch.failed(thrown, target);
  }

  async #byRule(reservation: Reservation, doubtful: boolean): Promise<QuotaDecision> {
    const decision = await this.#decided(reservation);
    if (decision.admitted) this.#arrears.charge(reservation, this.parts.clock.monotonicMs());
    // It may have been counted although the answer did not come.
    else if (doubtful) this.#arrears.settle(reservation, NO_USE, true);
    return decision;
  }

  async #decided(reservation: Reservation): Promise<QuotaDecision> {
    const { local, config } = this.parts;
    switch (config.whenRedisIsAway) {
      case 'local': {
        const { replicas } = this.#watch.sight();
        return local.reserve({ ...reservation, limits: shareOf(reservation.limits, replicas) });
      }
      case 'allow':
        await local.record(reservation, 0);
        return { admitted: true };
      case 'refuse':
        return { admitted: false, bucket: 'ledger', retryAfterMs: this.#watch.msToNextLook };
    }
  }
}

/** A replica's share of limits: never nothing of something. */
function shareOf(limits: QuotaLimits, replicas: number): QuotaLimits {
  return Object.fromEntries(
    Object.entries(limits).map(([bucket, limit]) => [
      bucket,
      Math.min(limit, Math.max(1, Math.floor(limit / replicas))),
    ]),
  );
}
