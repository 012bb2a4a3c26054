import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import type { QuotaAsk, QuotaGate } from '../../../src/quota/quota-gate.js';
import type { QuotaLimits, QuotaUse } from '../../../src/quota/quota-ledger.port.js';
import { TokenEstimator } from '../../../src/quota/token-estimator.js';
import { TargetQuota } from '../../../src/routing/target-quota.js';
import type { Target } from '../../../src/routing/target.js';
import { callFixture, usageFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { snapshot } from './fixtures.js';

const CONFIG = snapshot({
  models: { m: { maxOutputTokens: 1_000, prices: [{ input: 1, output: 2 }] } },
  projects: [],
});

let asks: QuotaAsk[];
let told: Partial<QuotaUse>[];
let refusal: { why: string; retryAfterMs: number; lasting: boolean } | undefined;
let quota: TargetQuota;
beforeEach(() => {
  asks = [];
  told = [];
  refusal = undefined;
  const gate = {
    limits: (_: unknown, limits: QuotaLimits | undefined) => limits,
    take: (ask: QuotaAsk) => {
      asks.push(ask);
      const hold = { answered: (used: Partial<QuotaUse>) => told.push(used) };
      return Promise.resolve(refusal === undefined ? { hold } : { refusal });
    },
  };
  quota = new TargetQuota(gate as unknown as QuotaGate, new TokenEstimator(), new ManualClock());
});

const target = (limits: QuotaLimits | undefined): Target =>
  ({
    project: 'p',
    model: 'm',
    upstream: true,
    timeouts: { firstEventMs: 1, idleGapMs: 1, totalMs: 30_000 },
    quota: { project: 'p', location: 'global', model: 'm' },
    limits,
  }) as Target;
const call = (overrides: Partial<Call> = {}) => callFixture({ config: CONFIG, ...overrides });
const LIMITS = { requestsPerMinute: 1 };
const reserve = (overrides: Partial<Call> = {}, limits: QuotaLimits = LIMITS) =>
  quota.of(call(overrides), target(limits))?.reserve(false);
const said = (length: number) => ({ parts: [{ text: 'x'.repeat(length) }] });

describe('TargetQuota', () => {
  it('asks for nothing where nothing is limited, nothing is called or nothing is counted', () => {
    expect(quota.of(call(), target(undefined))).toBeUndefined();
    expect(quota.of(call(), { ...target(LIMITS), upstream: false })).toBeUndefined();
    expect(quota.of(call({ operation: 'count_tokens' }), target(LIMITS))).toBeUndefined();
  });

  it.each<[string, Partial<Call>, number]>([
    ['a generation', { request: { contents: [said(400)] } }, 100],
    ['an embedding', { operation: 'embed', request: { content: said(400) } }, 100],
    [
      'several',
      { operation: 'batch_embed', request: { requests: [{ content: said(400) }, { content: said(40) }] } },
      110,
    ],
    ['nothing to read', { operation: 'batch_embed', request: {} }, 0],
  ])('asks for the tokens of %s', async (_, overrides, inputTokens) => {
    await reserve(overrides);
    expect(asks[0]).toMatchObject({
      limits: LIMITS,
      estimate: { requests: 1, inputTokens, images: 0, nanoUsd: 0 },
      ttlMs: 30_000,
    });
  });

  it('asks for as long as the call can take', async () => {
    await reserve({ deadlineMs: 700 });
    expect(asks[0]?.ttlMs).toBe(700);
  });

  it.each([
    [{ responseModalities: ['TEXT', 'IMAGE'] }, 1],
    [{ responseModalities: ['image'], candidateCount: 3 }, 3],
    [{ responseModalities: ['TEXT'], candidateCount: 3 }, 0],
  ])('asks for the images of %j', async (generationConfig, images) => {
    await reserve({ request: { contents: [], generationConfig } });
    expect(asks[0]?.estimate.images).toBe(images);
  });

  it('asks for money only where it is limited, and tells what was spent', async () => {
    const room = await reserve({ request: { contents: [said(40)] } }, { nanoUsdPerTenMinutes: 1e12 });
    expect(asks[0]?.estimate.nanoUsd).toBeGreaterThan(2_000_000);
    if (room === undefined || !('hold' in room)) throw new Error('no room');
    room.hold.answered(usageFixture(1_000, 500));
    expect(told).toEqual([{ inputTokens: 1_000, nanoUsd: 2_000_000 }]);
  });

  it('tells the tokens that were counted, and nothing where none were', async () => {
    const rooms = [await reserve(), await reserve()];
    const [one, other] = rooms.map((room) => {
      if (room === undefined || !('hold' in room)) throw new Error('no room');
      return room.hold;
    });
    one?.answered({ ...usageFixture(7, 2), toolUseTokens: 3, totalTokens: 12 });
    other?.answered(usageFixture(0, 0));
    expect(told).toEqual([{ inputTokens: 10 }, {}]);
  });

  it('learns how far off its estimates are', async () => {
    const room = await reserve({ request: { contents: [said(4_000)] } });
    if (room === undefined || !('hold' in room)) throw new Error('no room');
    room.hold.answered(usageFixture(2_000, 1));
    expect(quota.estimateErrors()).toEqual([{ model: 'm', factor: 1.05, error: 0.025 }]);
  });

  it.each([
    [true, 'quota'],
    [false, 'rate'],
  ])('says until when there is no room: lasting %s', async (lasting, kind) => {
    refusal = { why: 'It is full.', retryAfterMs: 900, lasting };
    expect(await reserve()).toEqual({ refusal: { why: 'It is full.', notBeforeMs: 900, kind } });
  });
});
