import type { Clock } from '../core/clock.js';
import type { Provider } from '../core/provider.js';
import { type ContextRates, type Demand, savedNanoUsd } from './break-even.js';

/** Where the upstream has it. */
export interface KeptName {
  readonly name: string;
  readonly provider: Provider;
  /** Monotonic time from which it may be gone. */
  readonly expiresMs: number;
}

/** Weight of the newest answer in the share that is cached anyway. */
const NEWEST = 0.5;

/** One beginning of prompts, on one project and model: how often it is asked for, and where it is kept. */
export class KeptContext {
  /** Tokens, as estimated until the upstream counts them. */
  tokens: number;
  kept: KeptName | undefined;
  /** True while the upstream is being asked to make, prolong or drop it. */
  isBusy = false;
  /** Nothing is asked of the upstream before that. */
  barredUntilMs = -Infinity;
  #implicitShare: number | undefined;
  #uses = 0;
  #hits = 0;
  #atMs: number;

  constructor(
    tokens: number,
    readonly ttlMs: number,
    readonly rates: ContextRates,
    private readonly clock: Clock,
  ) {
    this.tokens = tokens;
    this.#atMs = clock.monotonicMs();
  }

  /** A call with it was made; `hit` where the upstream had it. Returns what that saved, in nano-USD. */
  used(hit: boolean): number {
    this.#decay();
    this.#uses += 1;
    if (!hit) return 0;
    this.#hits += 1;
    return savedNanoUsd(this.rates, this.tokens);
  }

  /** An answer to a call with it that did not name it said how many tokens came from the upstream's own cache. */
  observe(cachedTokens: number): void {
    const share = Math.min(1, cachedTokens / this.tokens);
    const known = this.#implicitShare ?? share;
    this.#implicitShare = known + NEWEST * (share - known);
  }

  /** What there will be of it: as much as there was, the last `ttlMs` counting most. */
  demand(): Demand {
    this.#decay();
    return { uses: this.#uses, implicitShare: this.#implicitShare ?? 0, ttlMs: this.ttlMs };
  }

  /** The same of the calls for which it was kept. */
  hits(): Demand {
    return { ...this.demand(), uses: this.#hits };
  }

  /** It is kept from now on: what was asked for before would have found it. */
  begin(kept: KeptName): void {
    this.kept = kept;
    this.#decay();
    this.#hits = this.#uses;
  }

  #decay(): void {
    const nowMs = this.clock.monotonicMs();
    const left = Math.exp((this.#atMs - nowMs) / this.ttlMs);
    this.#atMs = nowMs;
    this.#uses *= left;
    this.#hits *= left;
  }
}
