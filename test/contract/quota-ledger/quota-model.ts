import {
  COUNTED_BUCKETS,
  type CountedBucket,
  type QuotaBucket,
  type QuotaDecision,
  type QuotaSnapshot,
  type QuotaTarget,
  type QuotaUse,
  type Reservation,
  type ReservationKey,
  type Settlement,
} from '../../../src/quota/quota-ledger.port.js';

/** Something that counts from the beginning of its step until so many further steps have begun. */
interface Event {
  readonly step: number;
  amount: number;
}

interface Bucket {
  events: Event[];
  debt: number;
  limit: number;
  step: number;
}

interface Open {
  readonly endsMs: number;
  readonly charges: ReadonlyMap<CountedBucket, Event>;
}

interface Target {
  readonly buckets: Map<CountedBucket, Bucket>;
  readonly open: Map<string, Open>;
  readonly settled: Map<string, number>;
  readonly marks: Map<string, { untilMs: number; why: string }>;
}

type Refusal = Extract<QuotaDecision, { admitted: false }>;

const STEPS_AFTER = { minute: 60, tenMinutes: 60, pacificDay: 0 };
const STEP_MS = { minute: 1_000, tenMinutes: 10_000 };
const BUCKETS = Object.keys(COUNTED_BUCKETS) as CountedBucket[];

/** What a ledger promises, as a list of what happened. Slow, and plain. */
export class QuotaModel {
  #nowMs: number;
  readonly #targets = new Map<QuotaTarget, Target>();

  constructor(wallMs: number) {
    this.#nowMs = wallMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
  }

  reserve(reservation: Reservation): QuotaDecision {
    const target = this.#at(reservation.target);
    if (target.open.has(reservation.id) || target.settled.has(reservation.id)) return { admitted: true };
    const refusals = this.#refusals(target, reservation);
    if (refusals.length > 0)
      return refusals.reduce((worst, each) => (each.retryAfterMs > worst.retryAfterMs ? each : worst));
    this.#charge(target, reservation, 0);
    return { admitted: true };
  }

  record(reservation: Reservation, ageMs: number): void {
    const target = this.#at(reservation.target);
    if (target.open.has(reservation.id) || target.settled.has(reservation.id)) return;
    this.#charge(target, reservation, ageMs);
  }

  settle(key: ReservationKey, actual: Partial<QuotaUse>): Settlement {
    const target = this.#at(key.target);
    const open = target.open.get(key.id);
    if (open === undefined) return 'unknown';
    target.open.delete(key.id);
    target.settled.set(key.id, this.#nowMs + 10_000);
    for (const [name, event] of open.charges) {
      const used = actual[COUNTED_BUCKETS[name].counts] ?? event.amount;
      const bucket = target.buckets.get(name);
      if (bucket === undefined || used === event.amount) continue;
      this.#come(name, bucket);
      if (used > event.amount) bucket.debt += used - event.amount;
      else if (counts(name, bucket, event)) event.amount = used;
      pay(bucket);
    }
    return 'settled';
  }

  release(key: ReservationKey): Settlement {
    return this.settle(key, { requests: 0, inputTokens: 0, images: 0, nanoUsd: 0 });
  }

  block(key: QuotaTarget, bucket: string, forMs: number, why: string): void {
    const { marks } = this.#at(key);
    const untilMs = this.#nowMs + forMs;
    if (forMs === 0) marks.delete(bucket);
    else if (untilMs > (marks.get(bucket)?.untilMs ?? 0)) marks.set(bucket, { untilMs, why });
  }

  snapshot(key: QuotaTarget): QuotaSnapshot {
    const target = this.#at(key);
    const buckets = [...target.buckets].map(([name, bucket]) => {
      this.#come(name, bucket);
      const reserved = [...target.open.values()]
        .flatMap(({ charges }) => charges.get(name) ?? [])
        .filter((event) => counts(name, bucket, event))
        .reduce((sum, { amount }) => sum + amount, 0);
      const last = Math.max(...bucket.events.filter(({ amount }) => amount > 0).map(({ step }) => step));
      const resetMs = used(bucket) === 0 ? 0 : this.#untilStep(name, last + stepsAfter(name) + 1);
      return [name, { used: used(bucket), reserved, debt: bucket.debt, resetMs }] as const;
    });
    const marks = [...target.marks].map(([bucket, { untilMs, why }]) => ({
      bucket: bucket as QuotaBucket,
      leftMs: untilMs - this.#nowMs,
      why,
    }));
    return { buckets: Object.fromEntries(buckets), openReservations: target.open.size, marks };
  }

  #at(key: QuotaTarget): Target {
    const target = this.#targets.get(key) ?? {
      buckets: new Map(),
      open: new Map(),
      settled: new Map(),
      marks: new Map(),
    };
    this.#targets.set(key, target);
    for (const [id, { endsMs }] of target.open) if (endsMs <= this.#nowMs) target.open.delete(id);
    for (const [id, endsMs] of target.settled) if (endsMs <= this.#nowMs) target.settled.delete(id);
    for (const [name, { untilMs }] of target.marks) if (untilMs <= this.#nowMs) target.marks.delete(name);
    return target;
  }

  #refusals(target: Target, { estimate, limits }: Reservation): Refusal[] {
    const marked = (bucket: QuotaBucket | 'target'): Refusal[] => {
      const mark = target.marks.get(bucket);
      if (mark === undefined) return [];
      return [{ admitted: false, bucket, retryAfterMs: mark.untilMs - this.#nowMs, why: mark.why }];
    };
    const full = BUCKETS.flatMap((name): Refusal[] => {
      const limit = limits[name];
      const amount = estimate[COUNTED_BUCKETS[name].counts];
      if (limit === undefined || amount === 0) return marked(name);
      const retryAfterMs = this.#wait(name, target.buckets.get(name), limit, amount);
      return retryAfterMs === 0
        ? marked(name)
        : [...marked(name), { admitted: false, bucket: name, retryAfterMs }];
    });
    const places = limits.concurrentCalls;
    const noPlace: Refusal[] =
      places === undefined || target.open.size < places
        ? []
        : [
            {
              admitted: false,
              bucket: 'concurrentCalls',
              retryAfterMs: Math.min(...[...target.open.values()].map(({ endsMs }) => endsMs)) - this.#nowMs,
            },
          ];
    return [...marked('target'), ...full, ...marked('concurrentCalls'), ...noPlace];
  }

  #wait(name: CountedBucket, bucket: Bucket | undefined, limit: number, amount: number): number {
    if (amount > limit) {
      if (bucket !== undefined) this.#come(name, bucket, limit);
      return Infinity;
    }
    if (bucket === undefined) return 0;
    this.#come(name, bucket, limit);
    if (used(bucket) + bucket.debt + amount <= limit) return 0;
    const later = { ...bucket, limit, events: [...bucket.events] };
    while (used(later) + later.debt + amount > limit) tick(name, later);
    return this.#untilStep(name, later.step);
  }

  /** Brings a bucket to now, and from now on lets its debt be paid by a limit, if there is one and any debt. */
  #come(name: CountedBucket, bucket: Bucket, limit?: number): void {
    const step = this.#stepOf(name, this.#nowMs);
    while (bucket.step < step && (bucket.debt > 0 || bucket.events.length > 0)) tick(name, bucket);
    bucket.step = step;
    if (limit === undefined || bucket.debt === 0) return;
    bucket.limit = limit;
    pay(bucket);
  }

  #charge(target: Target, { id, estimate, limits, ttlMs }: Reservation, ageMs: number): void {
    const charges = new Map<CountedBucket, Event>();
    for (const name of BUCKETS) {
      const limit = limits[name];
      const amount = estimate[COUNTED_BUCKETS[name].counts];
      if (limit === undefined || amount === 0) continue;
      const fresh = { events: [], debt: 0, limit, step: this.#stepOf(name, this.#nowMs) };
      const bucket = target.buckets.get(name) ?? fresh;
      target.buckets.set(name, bucket);
      this.#come(name, bucket);
      bucket.limit = limit;
      pay(bucket);
      const event = { step: this.#stepOf(name, this.#nowMs - ageMs), amount };
      if (!counts(name, bucket, event)) continue;
      bucket.events.push(event);
      charges.set(name, event);
    }
    target.open.set(id, { endsMs: this.#nowMs + ttlMs, charges });
  }

  #stepOf(name: CountedBucket, atMs: number): number {
    const { over } = COUNTED_BUCKETS[name];
    return over === 'pacificDay' ? pacificDate(atMs) : Math.floor(atMs / STEP_MS[over]);
  }

  #untilStep(name: CountedBucket, step: number): number {
    const { over } = COUNTED_BUCKETS[name];
    if (over !== 'pacificDay') return step * STEP_MS[over] - this.#nowMs;
    // Days begin on the hour.
    let atMs = Math.ceil(this.#nowMs / 3_600_000) * 3_600_000;
    while (pacificDate(atMs) < step) atMs += 3_600_000;
    return atMs - this.#nowMs;
  }
}

function stepsAfter(name: CountedBucket): number {
  return STEPS_AFTER[COUNTED_BUCKETS[name].over];
}

function counts(name: CountedBucket, bucket: Bucket, event: Event): boolean {
  return event.step + stepsAfter(name) >= bucket.step;
}

function used(bucket: Bucket): number {
  return bucket.events.reduce((sum, { amount }) => sum + amount, 0);
}

function tick(name: CountedBucket, bucket: Bucket): void {
  bucket.step += 1;
  bucket.events = bucket.events.filter((event) => counts(name, bucket, event));
  pay(bucket);
}

function pay(bucket: Bucket): void {
  if (bucket.debt === 0) return;
  const paid = Math.min(bucket.debt, Math.max(0, bucket.limit - used(bucket)));
  bucket.debt -= paid;
  if (paid > 0) bucket.events.push({ step: bucket.step, amount: paid });
}

const DATE = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/Los_Angeles', dateStyle: 'short' });

function pacificDate(atMs: number): number {
  return Date.parse(`${DATE.format(atMs)}T00:00:00Z`) / 86_400_000;
}
