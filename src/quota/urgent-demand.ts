import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';

const SLOT_MS = 5_000;
/** A minute of them: what was taken then comes free now. */
const SLOTS = 12;
/** Over which urgent demand is measured, and over which at least. */
const MEASURED_SLOTS = 6;
const LEAST_SPAN_MS = 1_000;
/** Targets known; the first known are forgotten beyond it. */
const MAX_TARGETS = 4_096;

/** What was taken of a minute's quota within one slot, as parts of it. */
interface Slot {
  number: number;
  taken: number;
  /** By urgent calls, of this target or of one that would have done as well. */
  wanted: number;
}

/**
 * How much of a target's quota urgent calls will need before room comes free. Greedy use of a sliding minute repeats its
 * first burst each minute for ever, and between the bursts nobody finds room, however urgent. What is set aside lets
 * urgent calls through until then; under steady use room comes free all the time and next to nothing is set aside.
 */
@Injectable()
export class UrgentDemand {
  readonly #targets = new Map<string, Slot[]>();

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  /** A call that takes such a part of a minute's quota of a target was let through. */
  taken(target: string, cost: number): void {
    this.#slot(target).taken += cost;
  }

  /** An urgent call that takes such a part of a minute's quota might have gone to any of these targets. */
  wanted(targets: readonly string[], cost: number): void {
    for (const target of targets) this.#slot(target).wanted += cost / targets.length;
  }

  /** The part of a minute's quota, 0 to 1, that calls which are not urgent are to leave now. */
  reserved(target: string): number {
    const slots = this.#targets.get(target);
    if (slots === undefined) return 0;
    const now = this.#now();
    const known = slots.filter(({ number }) => number >= now - SLOTS);
    const measured = known.filter(({ number, wanted }) => number > now - MEASURED_SLOTS && wanted > 0);
    if (measured.length === 0) return 0;
    const since = Math.max(Math.min(...known.map(({ number }) => number)), now - MEASURED_SLOTS + 1);
    const spanMs = Math.max(LEAST_SPAN_MS, this.clock.monotonicMs() - since * SLOT_MS);
    const perMs = measured.reduce((sum, { wanted }) => sum + wanted, 0) / spanMs;
    let freed = 0;
    let most = 0;
    for (let ahead = 1; ahead <= SLOTS; ahead += 1) {
      const untilMs = (now + ahead) * SLOT_MS - this.clock.monotonicMs();
      most = Math.max(most, perMs * untilMs - freed);
      freed += known.find(({ number }) => number === now + ahead - 1 - SLOTS)?.taken ?? 0;
    }
    return Math.min(1, most);
  }

  #now(): number {
    return Math.floor(this.clock.monotonicMs() / SLOT_MS);
  }

  #slot(target: string): Slot {
    const number = this.#now();
    const slots = this.#of(target);
    const at = number % slots.length;
    const present = slots[at];
    if (present?.number === number) return present;
    const made = { number, taken: 0, wanted: 0 };
    slots[at] = made;
    return made;
  }

  #of(target: string): Slot[] {
    const present = this.#targets.get(target);
    if (present !== undefined) return present;
    const made = Array.from({ length: SLOTS + 1 }, (): Slot => ({ number: -Infinity, taken: 0, wanted: 0 }));
    this.#targets.set(target, made);
    if (this.#targets.size > MAX_TARGETS) {
      const [oldest] = this.#targets.keys();
      if (oldest !== undefined) this.#targets.delete(oldest);
    }
    return made;
  }
}
