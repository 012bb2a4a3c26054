import type { Priority } from '../core/call.js';
import type { Timer } from '../core/clock.js';
import { FairQueue, type Share } from './fair-queue.js';

/** Classes of traffic, the most urgent first. */
export const CLASSES = ['interactive', 'standard', 'batch'] as const satisfies readonly Priority[];

/** A quota counted by the minute is free again after it: so long takes all of it. */
const WHOLE_QUOTA_MS = 60_000;
/**
 * How fast calls that are not urgent go on while others wait, against an even use of the quota; and how much of a
 * minute's quota may go at once. What they all took as soon as it came free would come free all at once a minute later,
 * and urgent calls between would find nothing.
 */
const PACE = 1.4;
const MOST_CREDIT = 0.05;
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
  /** Part of a minute's quota that calls that are not urgent may take now. */
  #credit = MOST_CREDIT;
  #creditAtMs: number | undefined;

  /** Monotonic time before which asking is no use. */
  dueMs = -Infinity;
  timer: Timer | undefined;
  /** Whether somebody is asking in this line now. */
  busy = false;
  /** Whether room may have been made meanwhile. */
  stirred = false;

  constructor(
    private readonly target: string,
    private readonly agingMs: number,
  ) {}

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

  /** Room for a call of such a cost was got, in line or past it. */
  charge(cost: number, nowMs: number): void {
    this.#credit = this.#creditNow(nowMs) - cost;
    this.#creditAtMs = nowMs;
  }

  /** Takes out who had its turn. */
  took(who: T, nowMs: number): void {
    const cost = who.costOn(this.target);
    this.#classes[who.priority].took(who, cost);
    this.charge(cost, nowMs);
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

  /** How long those before a newcomer of a class take together, at least. */
  aheadMs(priority: Priority, nowMs: number): number {
    let parts = 0;
    for (const name of ahead(priority))
      for (const who of this.#classes[name]) parts += who.costOn(this.target) / who.lines;
    return Math.max(0, this.dueMs - nowMs) + Math.round(parts * WHOLE_QUOTA_MS);
  }

  /** Whose turn it is. Who comes by age keeps the turn until it is taken: others would never leave room for much. */
  next(nowMs: number): Turn<T> | undefined {
    this.#aged ??= this.#whoAged(nowMs);
    if (this.#aged !== undefined) return this.#aged.asking ? undefined : { who: this.#aged, aged: true };
    for (const name of CLASSES) {
      if (name !== 'interactive' && this.#creditNow(nowMs) < 0) return undefined;
      const who = this.#classes[name].next(({ asking }) => !asking);
      if (who !== undefined) return { who, aged: false };
      // Somebody of the class is asking elsewhere, and may be back with its turn still to come.
      if (this.#classes[name].size > 0) return undefined;
    }
    return undefined;
  }

  /** Monotonic time at which somebody may ask. */
  lookMs(nowMs: number): number {
    const credit = this.#creditNow(nowMs);
    if (credit >= 0 || this.#aged !== undefined || this.#classes.interactive.size > 0) return this.dueMs;
    return Math.max(this.dueMs, nowMs - (credit * WHOLE_QUOTA_MS) / PACE);
  }

  #creditNow(nowMs: number): number {
    const sinceMs = nowMs - (this.#creditAtMs ?? nowMs);
    return Math.min(MOST_CREDIT, this.#credit + (sinceMs * PACE) / WHOLE_QUOTA_MS);
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
