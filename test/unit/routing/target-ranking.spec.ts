import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { ResilienceConfig } from '../../../src/resilience/resilience.config.js';
import { OutlierEjection } from '../../../src/resilience/outlier-ejection.js';
import { TargetHealth } from '../../../src/resilience/target-health.js';
import type { QuotaHeadroom } from '../../../src/routing/quota-headroom.js';
import { LatencyBook } from '../../../src/routing/latency-book.js';
import { indexPriceUsd } from '../../../src/routing/price-index.js';
import { PriceRowConfig } from '../../../src/routing/prices.config.js';
import type { Strategy } from '../../../src/routing/strategy.js';
import { TargetRanking, type Rankable } from '../../../src/routing/target-ranking.js';
import type { Target } from '../../../src/routing/target.js';
import { ManualClock } from '../../helpers/manual-clock.js';

const row = (fields: Partial<PriceRowConfig>): PriceRowConfig => Object.assign(new PriceRowConfig(), fields);
const rankable = (project: string, more: Partial<Rankable> = {}): Rankable => ({
  target: { project, model: 'm', quota: { project, location: 'global', model: 'm' } } as Target,
  weight: 1,
  prices: [],
  ...more,
});

function setting({
  full = [],
  random = () => 0.5,
}: { full?: readonly string[]; random?: () => number } = {}) {
  const headroom = {
    of: ({ quota }: Pick<Target, 'quota'>) => (full.includes(quota.project) ? 0.01 : 1),
  } as unknown as QuotaHeadroom;
  const clock = new ManualClock();
  const health = new TargetHealth(
    new ResilienceConfig(),
    clock,
    new OutlierEjection(new ResilienceConfig(), clock),
  );
  const latencies = new LatencyBook();
  const ranking = new TargetRanking(health, latencies, headroom, clock, random);
  const order = (candidates: readonly Rankable[], strategy: Strategy, stream = false) =>
    ranking.order(candidates, strategy, stream).map(({ target }) => target.project);
  return { clock, health, latencies, order };
}

const answered = (totalMs: number, outputTokens: number) => ({
  stream: false,
  firstEventMs: totalMs,
  totalMs,
  outputTokens,
});
const streamed = (firstEventMs: number) => ({ stream: true, firstEventMs, totalMs: 9_000, outputTokens: 10 });

describe('TargetRanking', () => {
  it('puts the fastest first: by output token for whole answers, by first event for streams', () => {
    const { latencies, order } = setting();
    latencies.observe('long/m', answered(1_000, 1_000));
    latencies.observe('short/m', answered(200, 10));
    latencies.observe('long/m', streamed(500));
    latencies.observe('short/m', streamed(100));
    const both = [rankable('short'), rankable('long')];
    expect(order(both, 'fastest')).toEqual(['long', 'short']);
    expect(order(both, 'fastest', true)).toEqual(['short', 'long']);
  });

  it('lets a target that nobody knows become known', () => {
    const { latencies, order } = setting();
    latencies.observe('slow/m', answered(900, 10));
    latencies.observe('quick/m', answered(100, 10));
    expect(order([rankable('slow'), rankable('new'), rankable('quick')], 'fastest').slice(0, 2)).toEqual([
      'new',
      'quick',
    ]);
  });

  it('puts the cheapest first, and one without a price with the dearest', () => {
    const { order } = setting();
    const candidates = [
      rankable('dear', { prices: [row({ input: 4, output: 20 })] }),
      rankable('unknown'),
      rankable('cheap', { prices: [row({ input: 0.3, output: 2.5 })] }),
    ];
    expect(order(candidates, 'cheapest')).toEqual(['cheap', 'dear', 'unknown']);
  });

  it('weighs both where asked for balance, and weight and headroom always', () => {
    const { latencies, order } = setting({ full: ['full'] });
    latencies.observe('fast-dear/m', answered(100, 10));
    latencies.observe('slow-cheap/m', answered(200, 10));
    const prices = (input: number) => ({ prices: [row({ input })] });
    const pair = [rankable('fast-dear', prices(8)), rankable('slow-cheap', prices(1))];
    expect(order(pair, 'fastest')).toEqual(['fast-dear', 'slow-cheap']);
    expect(order(pair, 'balanced')).toEqual(['slow-cheap', 'fast-dear']);
    expect(order([rankable('light'), rankable('heavy', { weight: 3 })], 'balanced')).toEqual([
      'heavy',
      'light',
    ]);
    expect(order([rankable('full'), rankable('free')], 'balanced')).toEqual(['free', 'full']);
  });

  it('draws by score where asked for balance, so that not all calls go to one', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    const { order } = setting({ random });
    const pair = [rankable('light'), rankable('heavy', { weight: 3 })];
    let heavyFirst = 0;
    for (let call = 0; call < 1_000; call += 1) if (order(pair, 'balanced')[0] === 'heavy') heavyFirst += 1;
    expect(heavyFirst / 1_000).toBeGreaterThan(0.7);
    expect(heavyFirst / 1_000).toBeLessThan(0.8);
    for (let call = 0; call < 10; call += 1) expect(order(pair, 'fastest')[0]).toBe('heavy');
  });

  it('puts last what is left alone, and what rests', () => {
    const { health, order } = setting();
    const three = [rankable('ill'), rankable('resting'), rankable('well')];
    for (let at = 0; at < 5; at += 1) {
      const leave = health.admit('ill/m');
      if ('ticket' in leave)
        health.failed('ill/m', leave.ticket, new GatewayError('UPSTREAM_OVERLOADED', 'No.'));
    }
    const leave = health.admit('resting/m');
    const limited = new GatewayError('UPSTREAM_RATE_LIMITED', 'No.', {
      retryAfterMs: 1_000,
      metadata: { quotaKind: 'minute' },
    });
    if ('ticket' in leave) health.failed('resting/m', leave.ticket, limited);
    expect(order(three, 'fastest')[0]).toBe('well');
  });

  it('keeps the order of models when it draws their projects, those of no weight last', () => {
    const { order } = setting();
    const other = { target: { project: 'other', model: 'next' } as Target };
    expect(order([rankable('a', { weight: 0 }), rankable('b'), rankable('x', other)], 'weighted')).toEqual([
      'b',
      'a',
      'other',
    ]);
  });
});

describe('indexPriceUsd', () => {
  const on = (day: string) => Date.parse(`${day}T12:00:00Z`);

  it('takes the standard row of the day, for prompts of usual size', () => {
    const rows = [
      row({ tier: 'batch', input: 0.1, output: 0.1 }),
      row({ abovePromptTokens: 200_000, input: 9, output: 9 }),
      row({ until: '2026-11-30', input: 2, output: 10 }),
      row({ from: '2026-12-01', input: 4, output: 20 }),
    ];
    expect(indexPriceUsd(rows, on('2026-11-30'))).toBe(4);
    expect(indexPriceUsd(rows, on('2026-12-01'))).toBe(8);
    expect(indexPriceUsd([], on('2026-12-01'))).toBeUndefined();
  });
});
