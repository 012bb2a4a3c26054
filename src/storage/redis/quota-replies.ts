import { pacificDayOf } from '../../core/pacific-day.js';
import {
  type BucketState,
  COUNTED_BUCKET_NAMES,
  COUNTED_BUCKETS,
  type CountedBucket,
  type QuotaBucket,
  type QuotaMark,
  type QuotaSnapshot,
  WINDOW_MS,
  WINDOW_STEPS,
} from '../../quota/quota-ledger.port.js';
import { type QuotaRefusal, worstRefusal } from '../quota-refusal.js';

type MarkReply = readonly [bucket: QuotaBucket | 'target', untilMs: number, why: string];

/** Why the server refused: see `quota-lua.ts`. */
export type RefusalReply = readonly [
  nowMs: number,
  windowsMs: number,
  full: readonly (readonly [bucket: number, stepToFit: number])[],
  marks: readonly MarkReply[],
  placeMs: number,
];

/** State of a target on the server: see `quota-lua.ts`. */
export type SnapshotReply = readonly [
  nowMs: number,
  windowsMs: number,
  states: readonly (readonly [
    bucket: number,
    step: number,
    used: number,
    debt: number,
    stepToClear: number,
  ])[],
  ids: readonly string[],
  marks: readonly MarkReply[],
  open: number,
];

/** The refusal that a server's answer stands for. */
export function readRefusal(reply: RefusalReply): QuotaRefusal {
  const worst = worstRefusal(refusals(reply));
  if (worst === undefined) throw new TypeError('Redis refused a reservation for no reason.');
  return worst;
}

function* refusals([nowMs, windowsMs, full, marks, placeMs]: RefusalReply): Iterable<QuotaRefusal> {
  function* marked(bucket: QuotaBucket | 'target'): Iterable<QuotaRefusal> {
    for (const [name, untilMs, why] of marks)
      if (name === bucket) yield { admitted: false, bucket, retryAfterMs: untilMs - nowMs, why };
  }
  yield* marked('target');
  for (const [index, bucket] of COUNTED_BUCKET_NAMES.entries()) {
    yield* marked(bucket);
    for (const [number, step] of full) {
      if (number !== index + 1) continue;
      const retryAfterMs = step < 0 ? Infinity : msUntil(bucket, step, nowMs, windowsMs);
      yield { admitted: false, bucket, retryAfterMs };
    }
  }
  yield* marked('concurrentCalls');
  const retryAfterMs = placeMs < 0 ? Infinity : placeMs - nowMs;
  if (placeMs !== 0) yield { admitted: false, bucket: 'concurrentCalls', retryAfterMs };
}

/** The snapshot that a server's answer stands for, with the records of its open reservations. */
export function readSnapshot(
  [nowMs, windowsMs, states, , marks, open]: SnapshotReply,
  records: readonly (string | null)[],
): QuotaSnapshot {
  const charges = records.flatMap((record) => chargesOf(record ?? ''));
  const buckets: Partial<Record<CountedBucket, BucketState>> = {};
  for (const [number, head, used, debt, stepToClear] of states) {
    const bucket = COUNTED_BUCKET_NAMES[number - 1];
    if (bucket === undefined) continue;
    const steps = COUNTED_BUCKETS[bucket].over === 'pacificDay' ? 1 : WINDOW_STEPS + 1;
    const reserved = charges
      .filter((charge) => charge.bucket === number && charge.step > head - steps)
      .reduce((sum, { amount }) => sum + amount, 0);
    const resetMs = used === 0 ? 0 : msUntil(bucket, stepToClear, nowMs, windowsMs);
    buckets[bucket] = { used, reserved, debt, resetMs };
  }
  return {
    buckets,
    openReservations: open,
    marks: marks.map(([bucket, untilMs, why]): QuotaMark => ({ bucket, leftMs: untilMs - nowMs, why })),
  };
}

function chargesOf(record: string): { bucket: number; step: number; amount: number }[] {
  return [...record.matchAll(/;(\d+),(\d+),(\d+)/g)].map(([, bucket, step, amount]) => ({
    bucket: Number(bucket),
    step: Number(step),
    amount: Number(amount),
  }));
}

function msUntil(bucket: CountedBucket, step: number, nowMs: number, windowsMs: number): number {
  const { over } = COUNTED_BUCKETS[bucket];
  if (over === 'pacificDay') return pacificDayOf(step).startMs - nowMs;
  return step * (WINDOW_MS[over] / WINDOW_STEPS) - windowsMs;
}
