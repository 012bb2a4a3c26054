import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { NO_USAGE, type Usage, type UsageByModality } from '../../../src/core/usage.js';
import { costNanoUsd } from '../../../src/routing/cost.js';
import { PriceRowConfig } from '../../../src/routing/prices.config.js';

const DAY_MS = Date.parse('2026-11-20T12:00:00Z');
const row = (fields: Partial<PriceRowConfig>): PriceRowConfig => Object.assign(new PriceRowConfig(), fields);
const usage = (fields: Partial<Usage>): Usage => ({ ...NO_USAGE, ...fields });
const cost = (
  fields: Partial<Usage>,
  rows: readonly Partial<PriceRowConfig>[],
  ...rest: [number?, PriceRowConfig['tier']?]
) => costNanoUsd(usage(fields), rows.map(row), rest[0] ?? DAY_MS, rest[1]);

describe('costNanoUsd', () => {
  it('adds up fresh and cached input, thoughts as output, and tool use as input', () => {
    const used = {
      inputTokens: 1_000,
      cachedTokens: 400,
      outputTokens: 20,
      thoughtsTokens: 30,
      toolUseTokens: 7,
    };
    expect(cost(used, [{ input: 2, output: 10, cached: 0.1 }])).toBe(
      600 * 2_000 + 400 * 100 + (20 + 30) * 10_000 + 7 * 2_000,
    );
  });

  it('takes cached tokens for fresh ones where the row has no rate for them', () => {
    expect(cost({ inputTokens: 10, cachedTokens: 4 }, [{ input: 2 }])).toBe(20_000);
    const counts = { input: { AUDIO: 10 }, cached: { AUDIO: 4 } };
    const used = { inputTokens: 10, cachedTokens: 4, byModality: counts };
    expect(cost(used, [{ input: 2, inputByModality: { audio: 5 } }])).toBe(50_000);
    expect(cost(used, [{ input: 2, cached: 1, inputByModality: { audio: 5 } }])).toBe(34_000);
  });

  it('pays each modality its own rate, the others the plain one', () => {
    const byModality = {
      input: { TEXT: 100, AUDIO: 50, DOCUMENT: 10 },
      cached: { AUDIO: 20 },
      output: { TEXT: 5, IMAGE: 1_000 },
      toolUse: { AUDIO: 2 },
    };
    const used = { inputTokens: 160, cachedTokens: 20, outputTokens: 1_005, toolUseTokens: 2, byModality };
    const prices = {
      input: 1,
      output: 3,
      cached: 0.1,
      inputByModality: { audio: 2, pdf: 4 },
      cachedByModality: { audio: 0.5 },
      outputByModality: { image: 60 },
    };
    expect(cost(used, [prices])).toBe(
      100 * 1_000 + 30 * 2_000 + 10 * 4_000 + 20 * 500 + 5 * 3_000 + 1_000 * 60_000 + 2 * 2_000,
    );
  });

  it('never bills more tokens than the total says, however the split reads', () => {
    const prices = [{ input: 1, cached: 0.5, inputByModality: { audio: 2, video: 3 } }];
    const byModality = { input: { AUDIO: 80, VIDEO: 80 } };
    expect(cost({ inputTokens: 100, byModality }, prices)).toBe(80 * 2_000 + 20 * 3_000);
    expect(cost({ inputTokens: 100, cachedTokens: 500 }, prices)).toBe(100 * 500);
    const reversed = { input: { AUDIO: 1 }, cached: { AUDIO: 5 } };
    const used = { inputTokens: 10, cachedTokens: 5, byModality: reversed };
    expect(cost(used, prices)).toBe(5 * 1_000 + 5 * 500);
  });

  it('pays the whole call by the row of its prompt’s length', () => {
    const prices = [
      { upToPromptTokens: 200_000, input: 2, output: 12 },
      { abovePromptTokens: 200_000, input: 4, output: 18 },
    ];
    expect(cost({ inputTokens: 200_000, outputTokens: 1 }, prices)).toBe(200_000 * 2_000 + 12_000);
    expect(cost({ inputTokens: 200_001, outputTokens: 1 }, prices)).toBe(200_001 * 4_000 + 18_000);
  });

  it('pays by the UTC day and the service tier', () => {
    const prices = [
      { until: '2026-11-30', input: 2 },
      { from: '2026-12-01', input: 4 },
      { tier: 'flex' as const, input: 1 },
    ];
    const one = { inputTokens: 1 };
    expect(cost(one, prices, Date.parse('2026-11-30T23:59:59.999Z'))).toBe(2_000);
    expect(cost(one, prices, Date.parse('2026-12-01T00:00:00Z'))).toBe(4_000);
    expect(cost(one, prices, DAY_MS, 'flex')).toBe(1_000);
    expect(cost(one, prices, DAY_MS, 'priority')).toBeUndefined();
  });

  it('knows no price where no row applies, or none for output that there was', () => {
    expect(cost({ inputTokens: 5 }, [])).toBeUndefined();
    expect(cost({ inputTokens: 5 }, [{ upToPromptTokens: 4, input: 1 }])).toBeUndefined();
    expect(cost({ inputTokens: 5 }, [{ input: 1 }])).toBe(5_000);
    expect(cost({ inputTokens: 5, thoughtsTokens: 1 }, [{ input: 1 }])).toBeUndefined();
    expect(cost({ inputTokens: 5, outputTokens: 1 }, [{ input: 1 }])).toBeUndefined();
  });

  it('rounds the sum once, half up', () => {
    expect(cost({ inputTokens: 1 }, [{ input: 0.0375 }])).toBe(38);
    expect(cost({ inputTokens: 3 }, [{ input: 0.0375 }])).toBe(113);
    expect(cost({ inputTokens: 1, outputTokens: 1 }, [{ input: 0.0004, output: 0.0004 }])).toBe(1);
    expect(cost({ inputTokens: 1 }, [{ input: 0.0004 }])).toBe(0);
  });

  it('stays a safe integer for counts that no answer has', () => {
    expect(cost({ inputTokens: 1e300 }, [{ input: 120 }])).toBe(Number.MAX_SAFE_INTEGER);
    expect(cost({ inputTokens: 1.4 }, [{ input: 1 }])).toBe(1_000);
  });

  it('takes a price for the decimals that were written', () => {
    expect(1.001 * 1e9).toBeLessThan(1_001_000_000);
    expect(cost({ inputTokens: 1_000_000 }, [{ input: 1.001 }])).toBe(1_001_000_000);
  });

  it('is the sum of fractions, exactly', () => {
    fc.assert(
      fc.property(pricedUsage, ({ used, prices, exact }) => {
        expect(costNanoUsd(used, [prices], DAY_MS)).toBe(rounded(exact));
      }),
    );
  });
});

/** A fraction. */
interface Ratio {
  readonly over: bigint;
  readonly under: bigint;
}

const plus = (left: Ratio, right: Ratio): Ratio => ({
  over: left.over * right.under + right.over * left.under,
  under: left.under * right.under,
});
const times = (tokens: number, { over, under }: Ratio): Ratio => ({ over: BigInt(tokens) * over, under });
const rounded = ({ over, under }: Ratio): number => Number((2n * over + under) / (2n * under));

/** A price as a person writes it, and the very fraction that this is, in nano-USD per token. */
const price = fc
  .tuple(fc.nat(999_999), fc.nat(999_999_999), fc.integer({ min: 0, max: 9 }))
  .map(([dollars, fraction, places]) => {
    const decimals = String(fraction).padStart(9, '0').slice(0, places);
    const exact: Ratio = {
      over: BigInt(`${dollars}${decimals}`) * 1_000n,
      under: 10n ** BigInt(decimals.length),
    };
    return { usd: Number(`${dollars}.${decimals || '0'}`), exact };
  });

type Price = typeof price extends fc.Arbitrary<infer T> ? T : never;
type Split = Readonly<Partial<Record<'TEXT' | 'IMAGE' | 'AUDIO' | 'VIDEO' | 'DOCUMENT', number>>>;

const NAMES = { TEXT: 'text', IMAGE: 'image', AUDIO: 'audio', VIDEO: 'video', DOCUMENT: 'pdf' } as const;
const tokens = fc.nat(100_000);
const split = fc.record({ TEXT: tokens, IMAGE: tokens, AUDIO: tokens, VIDEO: tokens, DOCUMENT: tokens });
const rates = fc.record(
  { text: price, image: price, audio: price, video: price, pdf: price },
  { requiredKeys: [] },
);

const sum = (counts: Split): number => Object.values(counts).reduce((total, count) => total + count, 0);
const charge = (counts: Split, plain: Price, own: Partial<Record<string, Price>>): Ratio =>
  Object.entries(counts)
    .map(([name, count]) => times(count, (own[NAMES[name as keyof typeof NAMES]] ?? plain).exact))
    .reduce(plus, { over: 0n, under: 1n });
const inUsd = (own: Partial<Record<string, Price>>) =>
  Object.fromEntries(Object.entries(own).map(([name, each]) => [name, each?.usd ?? 0]));

/** Usage whose split by modality adds up, a row, and what the one costs by the other. */
const pricedUsage = fc
  .record({
    fresh: split,
    cached: split,
    toolUse: split,
    output: split,
    thoughts: tokens,
    rate: fc.record({ input: price, cached: price, output: price }),
    own: fc.record({ input: rates, cached: rates, output: rates }),
  })
  .map(({ fresh, cached, toolUse, output, thoughts, rate, own }) => {
    const input = Object.fromEntries(
      Object.entries(fresh).map(([name, count]) => [name, count + cached[name as keyof Split]]),
    );
    const byModality: UsageByModality = { input, cached, output, toolUse };
    const used = usage({
      inputTokens: sum(fresh) + sum(cached),
      cachedTokens: sum(cached),
      toolUseTokens: sum(toolUse),
      outputTokens: sum(output),
      thoughtsTokens: thoughts,
      byModality,
    });
    const prices = row({
      input: rate.input.usd,
      cached: rate.cached.usd,
      output: rate.output.usd,
      inputByModality: inUsd(own.input),
      cachedByModality: inUsd(own.cached),
      outputByModality: inUsd(own.output),
    });
    const exact = [
      charge(fresh, rate.input, own.input),
      charge(cached, rate.cached, own.cached),
      charge(toolUse, rate.input, own.input),
      charge(output, rate.output, own.output),
      times(thoughts, rate.output.exact),
    ].reduce(plus);
    return { used, prices, exact };
  });
