import { Inject, Injectable } from '@nestjs/common';
import { sectionToken } from '../config/config.module.js';
import type { Priority } from '../core/call.js';
import { Clock } from '../core/clock.js';
import { CLASSES, Line, type Waiting } from './line.js';
import { QuotaConfig } from './quota.config.js';

/** What asking for room came to: got, or the monotonic time before which it is no use; Infinity for never. */
export type Asked = { readonly got: true } | { readonly got: false; readonly dueMs: number };

/** A target that a call waits for. */
export interface Wish {
  readonly target: string;
  /** Monotonic time before which asking is no use. */
  readonly dueMs: number;
  /** Part of a minute's quota that the call takes, 0 to 1. */
  readonly cost: number;
  /**
   * Asks for the room. `aged`: the call waited so long that its class does not count any more. What it rejects with the
   * wait rejects with.
   */
  ask(aged: boolean): Promise<Asked>;
}

/** Who wants to wait. */
export interface WaitRequest {
  readonly priority: Priority;
  readonly tenant: string;
  readonly team: string;
  /** Monotonic time after which it does not wait. */
  readonly untilMs: number;
  /** Ends the wait at once. */
  readonly signal: AbortSignal;
}

/**
 * How a wait ended: with room got, or `over` by its time or its signal. `late` and `full` never began: its turn would
 * come later than it waits, or too many of its class wait.
 */
export type WaitEnd =
  | { readonly kind: 'got'; readonly wish: Wish }
  | { readonly kind: 'over' }
  | { readonly kind: 'late' | 'full'; readonly retryAfterMs: number };

/** How many wait and waited, of one class. */
export interface ClassCount {
  readonly priority: Priority;
  readonly waiting: number;
  /** Waits that ended with room, in all. */
  readonly served: number;
  /** Time that those waited, in all. */
  readonly servedMs: number;
  /** Waits that ended without, or never began. */
  readonly refused: number;
}

interface Place extends Waiting {
  readonly wishes: Map<Line<Place>, Wish>;
  readonly untilMs: number;
  /** Whether its time ran out while it was asking. */
  over: boolean;
  readonly end: (end: WaitEnd) => void;
  readonly fail: (thrown: unknown) => void;
}

/** Room may be made where nobody here is told of it: by another replica. */
const LOOK_EVERY_MS = 1_000;
const LOOK_AGAIN_MS = 5;

/**
 * Calls that wait for room in the quotas of targets. Each target has a line; a call stands in the lines of all targets
 * that will do and takes the first turn that comes. Of each line one asks at a time, so that nobody is overtaken by
 * chance: `interactive` before `standard` before `batch`, within a class teams by weight, and one turn in ten, or one in
 * `agingMs`, for who waits longest.
 */
@Injectable()
export class QuotaScheduler {
  readonly #lines = new Map<string, Line<Place>>();
  readonly #counts = {
    interactive: { waiting: 0, served: 0, servedMs: 0, refused: 0 },
    standard: { waiting: 0, served: 0, servedMs: 0, refused: 0 },
    batch: { waiting: 0, served: 0, servedMs: 0, refused: 0 },
  };

  constructor(
    @Inject(sectionToken(QuotaConfig)) private readonly config: QuotaConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** How long those who wait for a target before a newcomer of a class take at least; undefined where nobody does. */
  aheadMs(target: string, priority: Priority): number | undefined {
    const line = this.#lines.get(target);
    return line?.isBefore(priority) === true ? line.aheadMs(priority, this.clock.monotonicMs()) : undefined;
  }

  /** Whether anybody waits for a target. */
  isWaitedFor(target: string): boolean {
    return this.#lines.has(target);
  }

  /** Waits for the first room in any of the targets. Rejects with what asking rejects with. */
  async wait(request: WaitRequest, wishes: readonly Wish[]): Promise<WaitEnd> {
    const count = this.#counts[request.priority];
    const nowMs = this.clock.monotonicMs();
    const turnsMs = wishes.map(({ target, dueMs }) =>
      Math.max(dueMs, nowMs + (this.aheadMs(target, request.priority) ?? 0)),
    );
    const soonestMs = Math.min(...turnsMs);
    const refused = (kind: 'late' | 'full'): WaitEnd => {
      count.refused += 1;
      return { kind, retryAfterMs: Math.max(0, soonestMs - nowMs) };
    };
    if (soonestMs > request.untilMs) return refused('late');
    if (count.waiting >= this.config.maxWaitingPerClass) return refused('full');
    if (request.signal.aborted) return { kind: 'over' };
    count.waiting += 1;
    try {
      const end = await this.#stand(request, wishes, nowMs);
      if (end.kind === 'got') {
        count.served += 1;
        count.servedMs += this.clock.monotonicMs() - nowMs;
      } else count.refused += 1;
      return end;
    } finally {
      count.waiting -= 1;
    }
  }

  /** Tells that a call got room that did not wait for it. */
  passed(target: string, priority: Priority, cost: () => number): void {
    this.#lines.get(target)?.passed(priority, cost(), this.clock.monotonicMs());
  }

  /** Tells that there may be room again: a call ended, or used less than was thought. */
  freed(target: string): void {
    const line = this.#lines.get(target);
    if (line === undefined) return;
    line.stirred = true;
    if (!line.busy) void this.#serve(target, line);
  }

  counts(): readonly ClassCount[] {
    return CLASSES.map((priority) => ({ priority, ...this.#counts[priority] }));
  }

  #stand(request: WaitRequest, wishes: readonly Wish[], sinceMs: number): Promise<WaitEnd> {
    const { priority, tenant, team, untilMs, signal } = request;
    const costs = new Map(wishes.map(({ target, cost }) => [target, cost]));
    const { promise, resolve, reject } = Promise.withResolvers<WaitEnd>();
    const place: Place = {
      priority,
      share: { team: `${tenant}\n${team}`, weight: this.#weight(team) },
      sinceMs,
      untilMs,
      lines: wishes.length,
      costOn: (target) => costs.get(target) ?? 0,
      wishes: new Map(),
      asking: false,
      over: false,
      end: resolve,
      fail: reject,
    };
    const leave = (): void => {
      place.over = true;
      // Who is asking hears of it from its answer, with which room may come.
      if (!place.asking) this.#end(place, { kind: 'over' });
    };
    const timer = this.clock.after(untilMs - sinceMs, leave);
    signal.addEventListener('abort', leave);
    for (const wish of wishes) {
      const line = this.#lineOf(wish.target);
      place.wishes.set(line, wish);
      const isNext = !line.isBefore(priority);
      line.add(place);
      // Who comes next knows when to ask; others ask when it is their turn.
      if (isNext) {
        line.dueMs = wish.dueMs;
        if (!line.busy) this.#later(wish.target, line);
      }
    }
    return promise.finally(() => {
      timer.clear();
      signal.removeEventListener('abort', leave);
    });
  }

  #weight(team: string): number {
    const { teams } = this.config;
    return Object.hasOwn(teams, team) ? (teams[team]?.weight ?? 1) : 1;
  }

  #lineOf(target: string): Line<Place> {
    const present = this.#lines.get(target);
    if (present !== undefined) return present;
    const made = new Line<Place>(target, this.config.agingMs, this.clock.monotonicMs());
    this.#lines.set(target, made);
    return made;
  }

  /** Takes a place out of all its lines. */
  #end(place: Place, end: WaitEnd): void {
    for (const line of place.wishes.keys()) line.delete(place);
    for (const { target } of place.wishes.values()) this.#tidy(target);
    place.wishes.clear();
    place.end(end);
  }

  #tidy(target: string): void {
    const line = this.#lines.get(target);
    if (line === undefined || line.busy || line.size > 0) return;
    line.timer?.clear();
    this.#lines.delete(target);
  }

  #later(target: string, line: Line<Place>): void {
    line.timer?.clear();
    const waitMs = line.dueMs - this.clock.monotonicMs();
    line.timer = this.clock.after(Math.min(Math.max(waitMs, LOOK_AGAIN_MS), LOOK_EVERY_MS), () => {
      line.stirred = true;
      void this.#serve(target, line);
    });
  }

  /** Lets those whose turn it is ask, one after the other, until one is refused. Never rejects. */
  async #serve(target: string, line: Line<Place>): Promise<void> {
    if (line.busy) return;
    line.busy = true;
    line.timer?.clear();
    while (line.stirred) {
      line.stirred = false;
      let turn = line.next(this.clock.monotonicMs());
      while (turn !== undefined && (await this.#ask(line, turn.who, turn.aged)))
        turn = line.next(this.clock.monotonicMs());
    }
    line.busy = false;
    if (line.size === 0) this.#tidy(target);
    else this.#later(target, line);
  }

  /** One asks. False where there is no room for it now, and so for nobody after it. */
  async #ask(line: Line<Place>, place: Place, aged: boolean): Promise<boolean> {
    const wish = place.wishes.get(line);
    if (wish === undefined) return true;
    place.asking = true;
    let asked: Asked;
    try {
      asked = await wish.ask(aged);
    } catch (thrown) {
      place.fail(thrown);
      this.#end(place, { kind: 'over' });
      return true;
    } finally {
      place.asking = false;
    }
    if (asked.got) {
      line.took(place, this.clock.monotonicMs());
      this.#end(place, { kind: 'got', wish });
      return true;
    }
    line.dueMs = asked.dueMs;
    if (place.over) {
      this.#end(place, { kind: 'over' });
      return true;
    }
    if (asked.dueMs <= place.untilMs) return false;
    // Nothing comes of this wait; what is in its way need not be in that of those after it.
    line.delete(place);
    place.wishes.delete(line);
    if (place.wishes.size === 0) this.#end(place, { kind: 'over' });
    return true;
  }
}
