import type { Clock, Timer } from '../../src/core/clock.js';

interface Armed {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  private nowMs = 0;
  private timers: Armed[] = [];

  constructor(private wall: number = Date.UTC(2026, 0, 1)) {}

  /** Timers that have neither fired nor been cleared. */
  get armed(): number {
    return this.timers.length;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.wall;
  }

  /** Sets the wall time alone, as an operator or NTP would; timers and monotonic time stay. */
  setWall(wallMs: number): void {
    this.wall = wallMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const armed: Armed = { dueMs: this.nowMs + Math.max(0, delayMs), fire };
    this.timers.push(armed);
    return { clear: () => void (this.timers = this.timers.filter((timer) => timer !== armed)) };
  }

  /**
   * Moves both times on and fires what falls due, earliest first and, at the same time, in the order of arming;
   * each sees the time it was due at. Timers armed meanwhile fire as well when they fall within the span.
   */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    for (let due = this.earliest(endMs); due !== undefined; due = this.earliest(endMs)) {
      const fired = due;
      this.timers = this.timers.filter((timer) => timer !== fired);
      this.moveTo(fired.dueMs);
      fired.fire();
    }
    this.moveTo(endMs);
  }

  private earliest(untilMs: number): Armed | undefined {
    let found: Armed | undefined;
    for (const timer of this.timers)
      if (timer.dueMs <= untilMs && (found === undefined || timer.dueMs < found.dueMs)) found = timer;
    return found;
  }

  private moveTo(monotonicMs: number): void {
    this.wall += monotonicMs - this.nowMs;
    this.nowMs = monotonicMs;
  }
}
