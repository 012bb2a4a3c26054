import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { JsonObject } from '../../../src/core/json.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import { costBoundNanoUsd, type BoundingTraits } from '../../../src/routing/cost-bound.js';
import { costNanoUsd } from '../../../src/routing/cost.js';
import { PriceRowConfig } from '../../../src/routing/prices.config.js';

const DAY_MS = Date.parse('2026-11-20T12:00:00Z');
const row = (fields: Partial<PriceRowConfig>): PriceRowConfig => Object.assign(new PriceRowConfig(), fields);
const text = (said: string, more: JsonObject = {}): JsonObject => ({
  contents: [{ role: 'user', parts: [{ text: said }] }],
  ...more,
});
/** A model whose prices show tokens: 1,000 nano-USD each, input or output alone. */
const model = (traits: Partial<BoundingTraits> = {}): BoundingTraits => ({
  prices: [row({ input: 1, output: 0 })],
  maxOutputTokens: 1_000,
  contextTokens: 50_000,
  ...traits,
});
const outputPriced = model({ prices: [row({ input: 0, output: 1 })] });
const bound = (request: JsonObject, traits = model()) =>
  (costBoundNanoUsd(request, traits, DAY_MS) ?? -1) / 1_000;

describe('costBoundNanoUsd', () => {
  it('takes each byte of the request for a token, whatever names hold them', () => {
    const short = bound(text('é'));
    expect(short).toBeGreaterThanOrEqual(2);
    expect(short).toBeLessThan(150);
    expect(bound(text(`é${'日'.repeat(100)}`))).toBe(short + 300);
    const tools = [{ functionDeclarations: [{ name: 'x'.repeat(500) }] }];
    expect(bound(text('é', { tools }))).toBeGreaterThan(short + 500);
    const generationConfig = { responseSchema: { properties: { ['x'.repeat(500)]: {} } } };
    expect(bound(text('é', { generationConfig }))).toBeGreaterThan(short + 500);
  });

  it('takes an image for an image, and other media for no more tokens than they have characters', () => {
    const media = (mimeType: string): JsonObject => ({
      contents: [{ parts: [{ inlineData: { mimeType, data: 'A'.repeat(20_000) } }] }],
    });
    expect(bound(media('image/png'))).toBeLessThan(6_000);
    expect(bound(media('audio/wav'))).toBeGreaterThan(20_000);
  });

  it('takes what lies elsewhere for a full context', () => {
    const file = { contents: [{ parts: [{ fileData: { fileUri: 'gs://bucket/film' } }] }] };
    expect(bound(file)).toBe(50_000);
    expect(bound(text('x', { cachedContent: 'cachedContents/1' }))).toBe(50_000);
    expect(bound(text('x'.repeat(60_000)))).toBe(50_000);
  });

  it('takes the longest answer that the request allows, else the model, for every candidate', () => {
    const asking = (generationConfig: JsonObject) => bound(text('x', { generationConfig }), outputPriced);
    expect(bound(text('x'), outputPriced)).toBe(1_000);
    expect(asking({ maxOutputTokens: 20 })).toBe(20);
    expect(asking({ maxOutputTokens: 20, candidateCount: 3 })).toBe(60);
    expect(asking({ maxOutputTokens: 0 })).toBe(1_000);
  });

  it('takes the dearest rates of the day, whatever they are for', () => {
    const plain = bound(text('x'));
    const dearer = (fields: Partial<PriceRowConfig>) =>
      bound(
        text('x'),
        model({ prices: [row({ input: 1, output: 0 }), row({ input: 1, output: 0, ...fields })] }),
      );
    expect(dearer({ input: 3 })).toBe(3 * plain);
    expect(dearer({ cached: 4 })).toBe(4 * plain);
    expect(dearer({ inputByModality: { audio: 5 } })).toBe(5 * plain);
    expect(dearer({ cachedByModality: { audio: 6 } })).toBe(6 * plain);
    expect(dearer({ outputByModality: { image: 7 } })).toBe(plain + 7 * 1_000);
    expect(dearer({ input: 3, from: '2026-11-21' })).toBe(plain);
  });

  it('knows no bound where the tier has no price, or none for output', () => {
    expect(costBoundNanoUsd(text('x'), model(), DAY_MS, 'flex')).toBeUndefined();
    expect(costBoundNanoUsd(text('x'), model({ prices: [row({ input: 1 })] }), DAY_MS)).toBeUndefined();
    const lapsed = model({ prices: [row({ input: 1, output: 1, until: '2026-11-19' })] });
    expect(costBoundNanoUsd(text('x'), lapsed, DAY_MS)).toBeUndefined();
  });

  it('is never below what a call within its limits costs', () => {
    const usd = fc.integer({ min: 0, max: 100_000 }).map((thousandths) => thousandths / 1_000);
    const own = fc.record({ text: usd, image: usd, audio: usd, video: usd, pdf: usd }, { requiredKeys: [] });
    const prices = fc
      .array(
        fc.record({
          input: usd,
          output: usd,
          cached: fc.option(usd, { nil: undefined }),
          abovePromptTokens: fc.option(fc.nat(100), { nil: undefined }),
          inputByModality: own,
          cachedByModality: own,
          outputByModality: own,
        }),
        { minLength: 1, maxLength: 3 },
      )
      .map((rows) => rows.map((fields) => row(fields as Partial<PriceRowConfig>)));
    const said = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(prices, said, fc.array(fc.nat(99), { minLength: 8 }), (rows, words, shares) => {
        const [prompt = 0, cached = 0, audio = 0, video = 0, answer = 0, thought = 0, image = 0, old = 0] =
          shares;
        const inputTokens = Math.floor((Buffer.byteLength(words) * prompt) / 100);
        const outputTokens = Math.floor((1_000 * answer) / 100);
        const usage = {
          ...NO_USAGE,
          inputTokens,
          cachedTokens: Math.floor((inputTokens * cached) / 100),
          outputTokens,
          thoughtsTokens: Math.floor(((1_000 - outputTokens) * thought) / 100),
          byModality: {
            input: { AUDIO: audio, VIDEO: video },
            cached: { AUDIO: old },
            output: { IMAGE: image },
          },
        };
        const cost = costNanoUsd(usage, rows, DAY_MS) ?? 0;
        expect(costBoundNanoUsd(text(words), model({ prices: rows }), DAY_MS)).toBeGreaterThanOrEqual(cost);
      }),
    );
  });
});
