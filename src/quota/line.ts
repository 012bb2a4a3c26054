import type { Priority } from '../core/call.js';
import type { Timer } from '../core/clock.js';
import { FairQueue, type Share } from './fair-queue.js';
import { Pace } from './pace.js';

/** Classes of traffic, the most urgent first. */
export const CLASSES = ['interactive', 'standard', 'batch'] as const satisfies readonly Priority[];

/** A quota counted by the minute is free again after it: so long takes all of it. */
const WHOLE_QUOTA_MS = 60_000;
/** Of so many turns one goes to who waits longest, whatever its class. */
const TURNS_PER_AGED = 10;

/** One that waits, in one or more lines. */
export interface Waiting {
  readonly priority: Priority;
  readonly share: Share;
  /** Monotonic time since which it waits. */
  readonly sinceMs: number;
  /** In how many lines it waits. */
  readonly lines: number;
  /** Part of a minute's quota of a target that it takes, 0 to 1. */
  costOn(target: string): number;
  /** Whether it is asking for room now. */
  asking: boolean;
}

/** A turn, and whether it came by waiting long rather than by its class. */
export interface Turn<T> {
  readonly who: T;
  readonly aged: boolean;
}

/** Those who wait for one target. Urgent classes go first; within a class teams take turns. */
export class Line<T extends Waiting> {
  readonly #classes = {
    interactive: new FairQueue<T>(),
    standard: new FairQueue<T>(),
    batch: new FairQueue<T>(),
  };
  /** Who waited too long and comes next, whoever else does. */
  #aged: T | undefined;
  #turnsSinceAged = 0;
  #agedTurnMs = -Infinity;

  /** Monotonic time before which asking is no use. */
  dueMs = -Infinity;
  timer: Timer | undefined;
  /** Whether somebody is asking in this line now. */
  busy = false;
  /** Whether room may have been made meanwhile. */
  stirred = false;

  /** What each class takes of the target's quota. */
  readonly #paces: Readonly<Record<Priority, Pace>>;

  constructor(
    private readonly target: string,
    private readonly agingMs: number,
    nowMs: number,
  ) {
    this.#paces = { interactive: new Pace(nowMs), standard: new Pace(nowMs), batch: new Pace(nowMs) };
  }

  get size(): number {
    return CLASSES.reduce((sum, name) => sum + this.#classes[name].size, 0);
  }

  add(who: T): void {
    this.#classes[who.priority].add(who);
  }

  /** Takes out who left without a turn. */
  delete(who: T): void {
    this.#classes[who.priority].delete(who);
    if (this.#aged === who) this.#aged = undefined;
  }

  /** A call of a class got room that did not wait for it. */
  passed(priority: Priority, cost: number, nowMs: number): void {
    this.#paces[priority].add(cost, nowMs);
  }

  /** Takes out who had its turn. */
  took(who: T, nowMs: number): void {
    const cost = who.costOn(this.target);
    this.#classes[who.priority].took(who, cost);
    this.#paces[who.priority].add(cost, nowMs);
    this.#turnsSinceAged += 1;
    if (this.#aged !== who) return;
    this.#aged = undefined;
    this.#turnsSinceAged = 0;
    this.#agedTurnMs = nowMs;
  }

  /** Whether anybody comes before a newcomer of a class. */
  isBefore(priority: Priority): boolean {
    return this.#aged !== undefined || ahead(priority).some((name) => this.#classes[name].size > 0);
  }

  /**
   * How long those before a newcomer of a class take together: at least what their calls take of the quota, and, once
   * its class has gone on for a while, at the pace at which it did.
   */
  aheadMs(priority: Priority, nowMs: number): number {
    const own = this.#partsOf(priority);
    const all = ahead(priority).reduce((sum, name) => sum + this.#partsOf(name), 0);
    const atLeastMs = Math.max(0, this.dueMs - nowMs) + all * WHOLE_QUOTA_MS;
    const perMs = this.#paces[priority].perMs(nowMs);
    return Math.round(Math.max(atLeastMs, perMs === undefined ? 0 : own / perMs));
  }

  #partsOf(priority: Priority): number {
    let parts = 0;
    for (const who of this.#classes[priority]) parts += who.costOn(this.target) / who.lines;
    return parts;
  }

  /** Whose turn it is. Who comes by age keeps the turn until it is taken: others would never leave room for much. */
  next(nowMs: number): Turn<T> | undefined {
    this.#aged ??= this.#whoAged(nowMs);
    if (this.#aged !== undefined) return this.#aged.asking ? undefined : { who: this.#aged, aged: true };
    for (const name of CLASSES) {
      const who = this.#classes[name].next(({ asking }) => !asking);
      if (who !== undefined) return { who, aged: false };
      // Somebody of the class is asking elsewhere, and may be back with its turn still to come.
      if (this.#classes[name].size > 0) return undefined;
    }
    return undefined;
  }

  #whoAged(nowMs: number): T | undefined {
    if (this.#turnsSinceAged < TURNS_PER_AGED - 1 && nowMs - this.#agedTurnMs < this.agingMs)
      return undefined;
    let found: T | undefined;
    for (const name of CLASSES.slice(1)) {
      for (const who of this.#classes[name]) {
        if (who.asking || nowMs - who.sinceMs < this.agingMs) continue;
        if (found === undefined || who.sinceMs < found.sinceMs) found = who;
      }
    }
    return found;
  }
}

function ahead(priority: Priority): readonly Priority[] {
  return CLASSES.slice(0, CLASSES.indexOf(priority) + 1);
}
