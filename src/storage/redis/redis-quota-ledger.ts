import type { Clock } from '../../core/clock.js';
import { pacificDay, pacificDayOf } from '../../core/pacific-day.js';
import {
  assertId,
  assertReservation,
  assertSpan,
  assertUse,
  type Attendance,
  COUNTED_BUCKET_NAMES,
  COUNTED_BUCKETS,
  type CountedBucket,
  LONGEST_MARK_MS,
  LONGEST_WHY,
  NO_USE,
  type QuotaBucket,
  type QuotaDecision,
  type QuotaSnapshot,
  type QuotaTarget,
  type QuotaUse,
  type Reservation,
  type ReservationKey,
  type Settlement,
  type SharedQuotaLedger,
} from '../../quota/quota-ledger.port.js';
import { type QuotaScript, quotaScripts, SERVER_TIME } from './quota-lua.js';
import { readRefusal, readSnapshot, type RefusalReply, type SnapshotReply } from './quota-replies.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisScript } from './redis-script.js';
import { USES } from './sliding-window-lua.js';

/** What a ledger is made of. */
export interface RedisQuotaLedgerOptions {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** Names this replica among those that share the Redis. */
  readonly replica: string;
  /** Lua that sets `now` to milliseconds since the Unix epoch; the server's own time unless given. */
  readonly time?: string;
}

/** How long a replica counts after it was last here. */
const ATTENDANCE_MS = 15_000;
/** Open reservations that a snapshot looks at. */
const MOST_RECORDS = 10_000;

interface TargetKeys {
  readonly windows: string;
  readonly open: string;
  readonly marks: string;
  readonly record: (id: string) => string;
}

/**
 * Counts in a Redis that replicas share: one script for each step, by the server's time, with all keys of a target on
 * one node of a cluster. Keys go away by themselves once nothing in them counts. A server that loses its memory loses
 * the counts with it.
 */
export class RedisQuotaLedger implements SharedQuotaLedger {
  readonly #scripts: Readonly<Record<QuotaScript, RedisScript>>;

  #calendar: { readonly number: number; readonly days: string } | undefined;

  constructor(private readonly options: RedisQuotaLedgerOptions) {
    const { connection, clock, time = SERVER_TIME } = options;
    const sources = quotaScripts(time);
    const script = (source: string): RedisScript => new RedisScript(source, connection, clock);
    this.#scripts = {
      reserve: script(sources.reserve),
      settle: script(sources.settle),
      snapshot: script(sources.snapshot),
      block: script(sources.block),
      attend: script(sources.attend),
    };
  }

  async reserve(reservation: Reservation): Promise<QuotaDecision> {
    const reply = await this.#count('ask', reservation, 0);
    return reply === 1 ? { admitted: true } : readRefusal(reply as RefusalReply);
  }

  async record(reservation: Reservation, ageMs: number): Promise<void> {
    await this.#count('record', reservation, ageMs);
  }

  async settle({ target, id }: ReservationKey, actual: Partial<QuotaUse>): Promise<Settlement> {
    assertId(id);
    assertUse(actual);
    const { windows, open, record } = this.#keysOf(target);
    const used = USES.map((use) => (actual[use] === undefined ? '' : String(actual[use])));
    const reply = await this.#scripts.settle.run([windows, open, record(id)], [id, this.#days(), ...used]);
    return reply === 1 ? 'settled' : 'unknown';
  }

  release(key: ReservationKey): Promise<Settlement> {
    return this.settle(key, NO_USE);
  }

  async block(
    target: QuotaTarget,
    bucket: QuotaBucket | 'target',
    forMs: number,
    why: string,
  ): Promise<void> {
    assertSpan('forMs', forMs);
    const { marks } = this.#keysOf(target);
    const boundMs = Math.min(forMs, LONGEST_MARK_MS);
    await this.#scripts.block.run([marks], [bucket, String(Math.ceil(boundMs)), why.slice(0, LONGEST_WHY)]);
  }

  async snapshot(target: QuotaTarget): Promise<QuotaSnapshot> {
    const { windows, open, marks, record } = this.#keysOf(target);
    const values = [this.#days(), String(MOST_RECORDS)];
    const reply = (await this.#scripts.snapshot.run([windows, open, marks], values)) as SnapshotReply;
    const ids = reply[3];
    const records =
      ids.length === 0 ? [] : await this.options.connection.send(open, ['MGET', ...ids.map(record)]);
    return readSnapshot(reply, records as readonly (string | null)[]);
  }

  async attend(target?: QuotaTarget): Promise<Attendance> {
    const { connection, replica } = this.options;
    const replicas = `${connection.keyPrefix}quota:replicas`;
    // No call waits for this: a far server takes its time to let somebody in, and may still answer quickly.
    await connection.ready();
    const [count, known] = (await this.#scripts.attend.run(
      [replicas],
      [replica, String(ATTENDANCE_MS)],
    )) as readonly [number, number];
    if (target !== undefined) {
      const { windows } = this.#keysOf(target);
      await connection.send(windows, ['SET', `${windows}:probe`, '', 'PX', '1000']);
    }
    return { replicas: Math.max(1, count), remembered: known === 1 };
  }

  #count(mode: 'ask' | 'record', reservation: Reservation, ageMs: number) {
    assertReservation(reservation);
    assertSpan('ageMs', ageMs);
    const { target, id, estimate, limits, ttlMs } = reservation;
    const counted: string[] = [];
    let byDay = false;
    for (const [index, bucket] of COUNTED_BUCKET_NAMES.entries()) {
      const limit = limits[bucket];
      const amount = estimate[COUNTED_BUCKETS[bucket].counts];
      if (limit === undefined || amount === 0) continue;
      byDay ||= isByDay(bucket);
      counted.push(String(index + 1), String(limit), String(amount));
    }
    const { windows, open, marks, record } = this.#keysOf(target);
    const { concurrentCalls } = limits;
    return this.#scripts.reserve.run(
      [windows, open, record(id), marks],
      [
        mode,
        id,
        String(Math.ceil(ttlMs)),
        String(Math.ceil(ageMs)),
        byDay ? this.#days() : '',
        concurrentCalls === undefined ? '' : String(concurrentCalls),
        ...counted,
      ],
    );
  }

  /** Number of yesterday, and its midnight and those after it: the server's clock and ours may differ by a day. */
  #days(): string {
    const { number } = pacificDay(this.options.clock.wallMs());
    if (this.#calendar?.number !== number) {
      const midnights = [-1, 0, 1, 2].map((days) => pacificDayOf(number + days).startMs);
      this.#calendar = { number, days: [number - 1, ...midnights].join(' ') };
    }
    return this.#calendar.days;
  }

  #keysOf({ project, location, model }: QuotaTarget): TargetKeys {
    // Braces in a name would make another hash tag of it.
    const tag = [project, location, model].map(encodeURIComponent).join('/');
    const windows = `${this.options.connection.keyPrefix}quota:{${tag}}`;
    return {
      windows,
      open: `${windows}:open`,
      marks: `${windows}:marks`,
      record: (id) => `${windows}:r:${id}`,
    };
  }
}

function isByDay(bucket: CountedBucket): boolean {
  return COUNTED_BUCKETS[bucket].over === 'pacificDay';
}
