import { describe, expect, it } from '@jest/globals';
import { GatewayError, type ErrorMetadata, type Reason } from '../../../src/core/gateway-error.js';
import type { JsonObject } from '../../../src/core/json.js';
import { NO_USAGE } from '../../../src/core/usage.js';
import { mirrorCharge, mirrorTerms, type MirrorTerms } from '../../../src/routing/mirror-terms.js';
import { finishFixture, usageFixture } from '../../helpers/calls.js';
import { MirrorUnderTest } from './mirror-fixture.js';

const bench = new MirrorUnderTest();
const contents = [{ role: 'user', parts: [{ text: 'x' }] }];
const termsFor = (more: JsonObject = {}, model = 'shadow') =>
  mirrorTerms(
    bench.call({ request: { contents, ...more } }),
    { ...bench.target, model },
    bench.clock.wallMs(),
  );

describe('mirrorTerms', () => {
  it('bounds the cost by the request as it is sent', () => {
    const prepared = mirrorTerms(
      bench.call({ request: { contents } }),
      {
        ...bench.target,
        prepare: (request) => ({ ...request, generationConfig: { maxOutputTokens: 1 } }),
      },
      bench.clock.wallMs(),
    );
    const plain = termsFor();
    expect(plain).toMatchObject({ request: { contents }, tier: 'standard' });
    expect((prepared as MirrorTerms).boundNanoUsd).toBeLessThan((plain as MirrorTerms).boundNanoUsd);
  });

  it('pays by the service tier that the request asks for', () => {
    const standard = termsFor() as MirrorTerms;
    const flex = termsFor({ serviceTier: 'FLEX' }) as MirrorTerms;
    expect(flex.tier).toBe('flex');
    expect(flex.boundNanoUsd).toBeLessThan(standard.boundNanoUsd);
  });

  it.each([
    ['a tier without a price', { serviceTier: 'priority' }, 'no_price'],
    ['a tier that nobody knows', { serviceTier: 'deferred' }, 'no_price'],
    ['batch, which is for jobs', { serviceTier: 'batch' }, 'no_price'],
    ['Google’s own tools', { tools: [{ functionDeclarations: [] }, { googleSearch: {} }] }, 'billed_tools'],
  ])('refuses %s', (_, more: JsonObject, why) => {
    expect(termsFor(more)).toBe(why);
  });

  it('refuses a model without a price, and one that is not configured', () => {
    expect(termsFor({}, 'unpriced')).toBe('no_price');
    expect(termsFor({}, 'unknown')).toBe('no_price');
  });

  it('takes function declarations', () => {
    expect(termsFor({ tools: [{ functionDeclarations: [{ name: 'f' }] }] })).toHaveProperty('boundNanoUsd');
  });
});

describe('mirrorCharge', () => {
  const terms = termsFor() as MirrorTerms;
  const failed = (reason: Reason, metadata: ErrorMetadata = {}) => ({
    error: new GatewayError(reason, 'No.', { metadata }),
  });

  it('is the price of the tokens that were told, however the call ended', () => {
    const usage = usageFixture(3, 2);
    expect(mirrorCharge({ usage, began: true, end: { finish: finishFixture() } }, terms)).toBe(23);
    expect(mirrorCharge({ usage, began: true, end: failed('UPSTREAM_UNAVAILABLE') }, terms)).toBe(23);
    const flex = termsFor({ serviceTier: 'flex' }) as MirrorTerms;
    const end = { finish: finishFixture() };
    expect(mirrorCharge({ usage: usageFixture(4, 2), began: true, end }, flex)).toBe(12);
  });

  it('is the most that it can be where the tokens that were told have no price', () => {
    const usage = { ...NO_USAGE, inputTokens: 10, totalTokens: 10 };
    const narrow = { ...terms, prices: [] };
    const end = { finish: finishFixture() };
    expect(mirrorCharge({ usage, began: true, end }, narrow)).toBe(terms.boundNanoUsd);
  });

  it.each([
    ['answered without a word about tokens', true, { finish: finishFixture() }],
    ['broken off in mid-answer', true, failed('UPSTREAM_UNAVAILABLE')],
    ['cut at shutdown', false, failed('CANCELLED')],
    ['cut for its deadline', false, failed('DEADLINE_EXCEEDED')],
    ['cut for its silence', false, failed('UPSTREAM_UNAVAILABLE', { timeout: 'first_event' })],
  ])('is the most that it can be for a call %s', (_, began, end) => {
    expect(mirrorCharge({ usage: NO_USAGE, began, end }, terms)).toBe(terms.boundNanoUsd);
  });

  it.each([
    ['refused', failed('UPSTREAM_OVERLOADED', { upstreamStatus: 503 })],
    ['that never arrived', failed('UPSTREAM_UNAVAILABLE', { upstreamReason: 'ECONNREFUSED' })],
    ['for which there were no credentials', failed('UPSTREAM_AUTH')],
  ])('is nothing for a call %s', (_, end) => {
    expect(mirrorCharge({ usage: NO_USAGE, began: false, end }, terms)).toBe(0);
  });
});
