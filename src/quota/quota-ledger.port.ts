/** What Google counts apart from everything else: all keys of a project share one count. */
export interface QuotaTarget {
  readonly project: string;
  readonly location: string;
  readonly model: string;
}

/** What a call uses. Whole numbers of 0 or more, at most `MOST`. */
export interface QuotaUse {
  readonly requests: number;
  readonly inputTokens: number;
  readonly images: number;
  readonly nanoUsd: number;
}

/** What a call that was not sent used. */
export const NO_USE: QuotaUse = { requests: 0, inputTokens: 0, images: 0, nanoUsd: 0 };

/** How buckets that count use do it: of what, and over which time. */
export const COUNTED_BUCKETS = {
  requestsPerMinute: { counts: 'requests', over: 'minute' },
  inputTokensPerMinute: { counts: 'inputTokens', over: 'minute' },
  imagesPerMinute: { counts: 'images', over: 'minute' },
  nanoUsdPerTenMinutes: { counts: 'nanoUsd', over: 'tenMinutes' },
  requestsPerDay: { counts: 'requests', over: 'pacificDay' },
  inputTokensPerDay: { counts: 'inputTokens', over: 'pacificDay' },
} as const satisfies Record<string, CountingRule>;

interface CountingRule {
  readonly counts: keyof QuotaUse;
  /**
   * Minutes and ten minutes slide: use leaves a bucket its whole time after it came, or up to a sixtieth later. Days
   * end at midnight in Los Angeles.
   */
  readonly over: 'minute' | 'tenMinutes' | 'pacificDay';
}

export type CountedBucket = keyof typeof COUNTED_BUCKETS;
/** A count with a limit of its own. `concurrentCalls` counts reservations that are open. */
export type QuotaBucket = CountedBucket | 'concurrentCalls';

/** Every counted bucket. Of two that refuse for equally long, the earlier is named. */
export const COUNTED_BUCKET_NAMES = Object.keys(COUNTED_BUCKETS) as readonly CountedBucket[];

/** Sliding windows move in so many steps. */
export const WINDOW_STEPS = 60;

/** Length of the sliding windows. */
export const WINDOW_MS = { minute: 60_000, tenMinutes: 600_000 } as const;

/** Limits by bucket; what has none is neither counted nor checked. 0 lets nothing through. */
export type QuotaLimits = Readonly<Partial<Record<QuotaBucket, number>>>;

/** Largest use and largest limit. Sums of many stay exact in a double. */
export const MOST = 1_000_000_000_000_000;

/** Longest time that a reservation can stay open. */
const LONGEST_TTL_MS = 86_400_000;

/** Longest time for which a mark stays, and longest reason that is kept; more is cut off. */
export const LONGEST_MARK_MS = 31 * 86_400_000;
export const LONGEST_WHY = 300;

/** How long the ledger remembers that a reservation was settled, and counts its id no second time. */
export const SETTLED_MEMORY_MS = 10_000;

/** Names a reservation. The id stands for one upstream call, never for another. */
export interface ReservationKey {
  readonly target: QuotaTarget;
  /** 1 to 200 characters. */
  readonly id: string;
}

/** What a call asks for before it is sent. */
export interface Reservation extends ReservationKey {
  readonly estimate: QuotaUse;
  /** The limits of now: the ledger keeps use alone. */
  readonly limits: QuotaLimits;
  /** Until when the call is over in any case: its deadline and some grace. 1 to `LONGEST_TTL_MS`. */
  readonly ttlMs: number;
}

/**
 * Whether a call may be sent. `bucket` is the one that must be waited for longest: `target` where the whole target is
 * marked, `ledger` where the ledger itself is out of reach. `retryAfterMs` is exact if nobody else asks meanwhile and
 * nothing is settled: the call fits then and not before. It is Infinity where no wait helps: the call alone is more
 * than the limit. For `concurrentCalls` it is the time after which a place is free at the latest.
 */
export type QuotaDecision =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      readonly bucket: QuotaBucket | 'target' | 'ledger';
      readonly retryAfterMs: number;
      /** Reason of the mark that refused; absent where a count did. */
      readonly why?: string;
    };

/**
 * What became of a settlement: `unknown` where the reservation expired or was settled before, so that nothing changed;
 * `deferred` where the ledger is out of reach and it will be made later.
 */
export type Settlement = 'settled' | 'unknown' | 'deferred';

/** State of one bucket. */
export interface BucketState {
  /** What counts against the limit now, open reservations included; debt is not. */
  readonly used: number;
  /** The part of it that is only estimated yet. */
  readonly reserved: number;
  readonly debt: number;
  /** Until nothing of `used` counts any more, if nothing comes. */
  readonly resetMs: number;
}

/** A bucket, or a whole target, that lets nothing through for a while, whatever is counted. */
export interface QuotaMark {
  readonly bucket: QuotaBucket | 'target';
  readonly leftMs: number;
  readonly why: string;
}

/** What the ledger knows of a target. Buckets that were never counted are absent. */
export interface QuotaSnapshot {
  readonly buckets: Readonly<Partial<Record<CountedBucket, BucketState>>>;
  /** Reservations that are neither settled nor expired. */
  readonly openReservations: number;
  readonly marks: readonly QuotaMark[];
}

/**
 * Counts the use of Google's quotas, as Google does: per project, location and model.
 *
 * - **Reserve before the call, settle after it**, each atomically, also between processes that share a ledger.
 * - **Windows slide.** What is admitted in any minute, however it lies, is never more than the limit, and under steady
 *   demand at least 60/61 of it. Days begin at midnight in Los Angeles.
 * - **Use counts from its reservation on.** Settled below its reservation, the rest is given back where the reservation
 *   still counts (the same window, the same day).
 * - **Settled above its reservation, the rest is a debt**, and debt is never forgiven. It is paid out of the bucket's
 *   room, before anybody else gets of it, from the moment of the settlement on: what is paid counts like use that came
 *   at that moment, so all use and all debt together never take more than one limit per window. While there is debt
 *   nothing is admitted. Debt outlives windows and days; it is paid whether or not anybody asks.
 * - **Expiry.** A reservation that nobody settles expires after its `ttlMs`. Its place among concurrent calls is free
 *   then; its requests, tokens, images and money stay counted at their estimate until they leave their windows.
 * - **Refused is untouched**: a refusal counts nothing.
 * - **Idempotent by id**: an open reservation, or one settled in the last ten seconds, is admitted again and counted
 *   once; it is settled once.
 *
 * Everything rejects with a RangeError for amounts that are negative, fractional or absurd, and for times that are
 * none. A ledger of its own process
 * rejects for no other reason; one that is shared does so where it is out of reach.
 */
export interface QuotaLedger {
  /** Admits a call and counts it, or says for how long not to ask again. */
  reserve(reservation: Reservation): Promise<QuotaDecision>;
  /** Puts what a call used in place of its estimate. What `actual` leaves out stays as estimated. */
  settle(key: ReservationKey, actual: Partial<QuotaUse>): Promise<Settlement>;
  /** Undoes the reservation of a call that was never sent. */
  release(key: ReservationKey): Promise<Settlement>;
  /** Counts, without asking, a call that was let through `ageMs` ago: use beyond the limit counts, and is no debt. */
  record(reservation: Reservation, ageMs: number): Promise<void>;
  /**
   * Lets nothing through for so long, for the reason given. Of two marks on a bucket the one that ends later stays;
   * `forMs` 0 takes the mark away.
   */
  block(target: QuotaTarget, bucket: QuotaBucket | 'target', forMs: number, why: string): Promise<void>;
  /** What counts at the moment, for people and gauges. Not for decisions: those are `reserve`'s. */
  snapshot(target: QuotaTarget): Promise<QuotaSnapshot>;
}

/** Injection token of the ledger. */
export const QuotaLedger = Symbol('QuotaLedger');

/** Who shares a ledger. */
export interface Attendance {
  /** Replicas that were here within the last quarter of a minute, this one included; at least 1. */
  readonly replicas: number;
  /** Whether the ledger remembered this replica. It has lost everything where it does not, though it was here just now. */
  readonly remembered: boolean;
}

/** A ledger that replicas share over a network. Everything rejects, within a bound in time, where it is out of reach. */
export interface SharedQuotaLedger extends QuotaLedger {
  /** Says that this replica lives, and by that whether the ledger can be written to, `target`'s part of it included. */
  attend(target?: QuotaTarget): Promise<Attendance>;
}

/** Throws a RangeError for what no ledger takes. Every engine asks this first. */
export function assertReservation({ id, estimate, limits, ttlMs }: Reservation): void {
  assertId(id);
  assertUse(estimate);
  for (const [bucket, limit] of Object.entries(limits)) assertAmount(bucket, limit);
  if (!(ttlMs >= 1 && ttlMs <= LONGEST_TTL_MS))
    throw new RangeError(`ttlMs must be from 1 to ${LONGEST_TTL_MS}.`);
}

/** Throws a RangeError for a time that is none. */
export function assertSpan(name: string, spanMs: number): void {
  if (!(spanMs >= 0)) throw new RangeError(`${name} must be 0 or more.`);
}

/** Throws a RangeError for an id that no ledger takes. */
export function assertId(id: string): void {
  if (id.length === 0 || id.length > 200) throw new RangeError('An id has 1 to 200 characters.');
}

/** Throws a RangeError for use that no ledger counts. */
export function assertUse(use: Partial<QuotaUse>): void {
  for (const [name, amount] of Object.entries(use)) assertAmount(name, amount);
}

function assertAmount(name: string, amount: number): void {
  if (!Number.isInteger(amount) || amount < 0 || amount > MOST)
    throw new RangeError(`${name} must be a whole number from 0 to ${MOST}.`);
}
