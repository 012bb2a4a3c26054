import { describe, expect, it } from '@jest/globals';
import {
  contextRates,
  paysToKeep,
  paysToMake,
  savedNanoUsd,
  spentNanoUsd,
} from '../../../src/routing/break-even.js';
import { ModelConfig } from '../../../src/routing/models.config.js';
import { PriceRowConfig } from '../../../src/routing/prices.config.js';

const NOW = Date.UTC(2026, 10, 21);
/** Gemini 3.8 Flash of November 2026. */
const RATES = { input: 0.75, cached: 0.075, storageHour: 0.5 };
const HOUR_MS = 3_600_000;

function model(row: Partial<PriceRowConfig>, more: Partial<ModelConfig> = {}): ModelConfig {
  const prices = [Object.assign(new PriceRowConfig(), { input: 0.75, output: 3.75, ...row })];
  return Object.assign(new ModelConfig(), { prices, ...more });
}

describe('the rates of a model', () => {
  const complete = { cached: 0.075, cacheStorageHour: 0.5 };

  it('are those of its price row', () => {
    expect(contextRates(model(complete), NOW, 10_000)).toEqual(RATES);
  });

  it.each([
    ['it takes no cached contents', model(complete, { explicitCache: false })],
    ['there is no price of cached tokens', model({ cacheStorageHour: 0.5 })],
    ['there is no price of storage', model({ cached: 0.075 })],
    ['no row applies', model({ ...complete, until: '2026-01-01' })],
  ])('are none where %s', (_, lacking) => {
    expect(contextRates(lacking, NOW, 10_000)).toBeUndefined();
  });
});

describe('a beginning', () => {
  const demand = (uses: number, more = {}) => ({ uses, implicitShare: 0, ttlMs: HOUR_MS, ...more });
  const all = { tokens: 10_000, newTokens: 10_000 };

  // (0.75 + 0.50) / (0.75 - 0.075) = 1.85 uses in an hour.
  it.each([
    [1.8, false],
    [1.9, true],
  ])('with %d uses in an hour pays to be made: %s', (uses, pays) => {
    expect(paysToMake(RATES, demand(uses), all)).toBe(pays);
  });

  it('pays less the more of it Google has by itself', () => {
    expect(paysToMake(RATES, demand(10, { implicitShare: 0.5 }), all)).toBe(true);
    expect(paysToMake(RATES, demand(10, { implicitShare: 0.9 }), all)).toBe(false);
  });

  it('pays by what a shorter one does not hold already', () => {
    expect(paysToMake(RATES, demand(10), { tokens: 10_000, newTokens: 1_000 })).toBe(false);
  });

  // 0.50 / 0.675 = 0.74 uses in an hour.
  it('pays to be kept by its storage alone', () => {
    expect(paysToKeep(RATES, demand(0.8))).toBe(true);
    expect(paysToKeep(RATES, demand(0.7))).toBe(false);
    expect(paysToKeep(RATES, demand(0.2, { ttlMs: HOUR_MS / 6 }))).toBe(true);
  });

  it('saves and costs what the prices say, in nano-USD', () => {
    expect(savedNanoUsd(RATES, 1_000_000)).toBe(675_000_000);
    expect(spentNanoUsd(RATES, 1_000_000, { isMade: true, ttlMs: HOUR_MS })).toBe(1_250_000_000);
    expect(spentNanoUsd(RATES, 1_000_000, { isMade: false, ttlMs: HOUR_MS / 2 })).toBe(250_000_000);
  });
});
