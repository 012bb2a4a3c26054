import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { Random } from '../core/random.js';
import { TargetHealth } from '../resilience/target-health.js';
import { LatencyBook } from './latency-book.js';
import { indexPriceUsd } from './price-index.js';
import type { PriceRowConfig } from './prices.config.js';
import { QuotaHeadroom } from './quota-headroom.js';
import type { Strategy } from './strategy.js';
import { targetName, type Ranked, type Target } from './target.js';

/** A target with what its place depends on. */
export interface Rankable {
  readonly target: Target;
  /** The project's weight. */
  readonly weight: number;
  readonly prices: readonly PriceRowConfig[];
}

/** How much latency and price count, as exponents. */
const EXPONENTS = {
  fastest: { latency: 1, price: 0 },
  cheapest: { latency: 0, price: 1 },
  balanced: { latency: 0.5, price: 0.5 },
} as const satisfies Partial<Record<Strategy, object>>;

/** Puts the targets that can answer in order. What cannot answer was left out before. */
@Injectable()
export class TargetRanking {
  constructor(
    private readonly health: TargetHealth,
    private readonly latencies: LatencyBook,
    private readonly headroom: QuotaHeadroom,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Random) private readonly random: Random,
  ) {}

  /**
   * `ordered` and `weighted` keep the models in their order; `weighted` draws the projects of a model by weight. The
   * others score all targets by weight x health x headroom, divided by latency, price or both, and `balanced` draws
   * them by their scores: if all calls went to the best one first it would be full while the others wait. A target whose
   * latency is not known counts as fast as the fastest, so that it becomes known; one without a price as the dearest.
   */
  order(candidates: readonly Rankable[], strategy: Strategy, stream: boolean): readonly Ranked[] {
    switch (strategy) {
      case 'ordered':
        return candidates;
      case 'weighted':
        return [...Map.groupBy(candidates, ({ target }) => target.model).values()].flatMap((group) =>
          this.#drawn(group, ({ weight }) => weight),
        );
      case 'fastest':
      case 'cheapest':
        return this.#scored(candidates, EXPONENTS[strategy], stream).toSorted(
          (left, right) => right.score - left.score,
        );
      case 'balanced':
        return this.#drawn(this.#scored(candidates, EXPONENTS[strategy], stream), ({ score }) => score);
    }
  }

  /** Each comes first with the probability of its share of the weight; weight 0 comes last. */
  #drawn<T>(group: readonly T[], weightOf: (one: T) => number): readonly T[] {
    if (group.length < 2) return group;
    // Efraimidis and Spirakis (2006): sort by an exponential variate with the weight as its rate.
    return group
      .map((one) => {
        const weight = weightOf(one);
        return { one, key: weight === 0 ? Infinity : -Math.log(1 - this.random()) / weight };
      })
      .toSorted((left, right) => (left.key === right.key ? 0 : left.key - right.key))
      .map(({ one }) => one);
  }

  #scored(
    candidates: readonly Rankable[],
    exponents: { readonly latency: number; readonly price: number },
    stream: boolean,
  ): readonly (Ranked & { readonly score: number })[] {
    const nowMs = this.clock.wallMs();
    const measured = candidates.map(({ target, weight, prices }) => {
      const name = targetName(target);
      return {
        target,
        worth: weight * this.health.score(name) * this.headroom.of(target),
        latencyMs: this.latencies.of(name, stream),
        priceUsd: indexPriceUsd(prices, nowMs),
      };
    });
    const fastestMs = Math.min(...measured.flatMap(({ latencyMs }) => latencyMs ?? []));
    const dearestUsd = Math.max(...measured.flatMap(({ priceUsd }) => priceUsd ?? []));
    return measured.map(({ target, worth, latencyMs, priceUsd }) => ({
      target,
      score:
        worth /
        (power(latencyMs ?? fastestMs, exponents.latency) * power(priceUsd ?? dearestUsd, exponents.price)),
    }));
  }
}

/** `base ** exponent`, and 1 for what is not known of any target. */
function power(base: number, exponent: number): number {
  return Number.isFinite(base) && base > 0 ? base ** exponent : 1;
}
