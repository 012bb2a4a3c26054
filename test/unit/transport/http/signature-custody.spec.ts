import { describe, expect, it, jest } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import type { Part } from '../../../../src/core/gemini-wire.js';
import type { JsonObject } from '../../../../src/core/json.js';
import { BYPASS_SIGNATURE } from '../../../../src/routing/thought-signatures.js';
import { Metrics } from '../../../../src/telemetry/metrics.js';
import { MemorySignatureStore } from '../../../../src/transport/http/memory-signature-store.js';
import { SignatureCustody } from '../../../../src/transport/http/signature-custody.js';
import { SignaturesConfig } from '../../../../src/transport/http/signatures.config.js';
import { LARGEST_PART, type SignatureStore } from '../../../../src/transport/signature.port.js';
import { eventually } from '../../../helpers/eventually.js';
import { ManualClock } from '../../../helpers/manual-clock.js';

const memory = () => new MemorySignatureStore(new SignaturesConfig(), new ManualClock());

function custodyOf(store: SignatureStore = memory()) {
  const warn = jest.fn();
  const error = jest.fn();
  const logger = { setContext: () => undefined, warn, error } as unknown as PinoLogger;
  const metrics = new Metrics();
  const clock = new ManualClock();
  return { custody: new SignatureCustody(store, logger, metrics, clock), warn, error, metrics, clock };
}

const call = (more: Part = {}): Part => ({ functionCall: { name: 'find', args: {} }, ...more });
const returned = (id: string, required = true, part: Part = call()) => ({
  id,
  required,
  part,
  response: { name: 'find', response: {} } as JsonObject,
});

describe('SignatureCustody', () => {
  it('names calls uniquely and puts back signature and id into the very part', async () => {
    const { custody } = custodyOf();
    const signed = call({ functionCall: { id: 'u-1', name: 'find', args: {} }, thoughtSignature: 'sig' });
    const first = custody.keepCall('t', signed);
    const second = custody.keepCall('t', signed);
    expect(first).toMatch(/^call_[0-9a-f]{32}$/);
    expect(second).not.toBe(first);
    const one = returned(first);
    await custody.restore('t', [one], true);
    expect(one.part).toEqual({
      functionCall: { id: 'u-1', name: 'find', args: {} },
      thoughtSignature: 'sig',
    });
    expect(one.response).toMatchObject({ id: 'u-1' });
    expect(custody.stats()).toMatchObject({ kept: 2, restored: 1, lost: 0 });
  });

  it('leaves a call of the same step that was never signed without one', async () => {
    const { custody } = custodyOf();
    const parts = [
      returned(custody.keepCall('t', call({ thoughtSignature: 'sig' }))),
      returned(custody.keepCall('t', call()), false),
    ];
    await custody.restore('t', parts, true);
    expect(parts.map(({ part }) => part.thoughtSignature)).toEqual(['sig', undefined]);
  });

  it('puts Google’s bypass value where a signature must be and is not known, and counts whose it was', async () => {
    const { custody } = custodyOf();
    const lost = returned(`call_${'0'.repeat(32)}`);
    const foreign = returned('toolu_elsewhere');
    const second = returned(`call_${'1'.repeat(32)}`, false);
    await custody.restore('t', [lost, second, foreign], true);
    expect([lost, second, foreign].map(({ part }) => part.thoughtSignature)).toEqual([
      BYPASS_SIGNATURE,
      undefined,
      BYPASS_SIGNATURE,
    ]);
    expect(lost.response).not.toHaveProperty('id');
    expect(custody.stats()).toMatchObject({ restored: 0, lost: 1, foreign: 1 });
  });

  it('makes nothing up for models that check no signatures', async () => {
    const { custody } = custodyOf();
    const one = returned('elsewhere');
    await custody.restore('t', [one], false);
    expect(one.part).not.toHaveProperty('thoughtSignature');
    expect(custody.stats()).toMatchObject({ lost: 0, foreign: 0 });
  });

  it('gives one tenant nothing of another', async () => {
    const { custody } = custodyOf();
    const one = returned(custody.keepCall('t', call({ thoughtSignature: 'sig' })));
    await custody.restore('other', [one], true);
    expect(one.part.thoughtSignature).toBe(BYPASS_SIGNATURE);
  });

  it('respects a signature that the caller brought along', async () => {
    const { custody } = custodyOf();
    const id = custody.keepCall('t', call({ thoughtSignature: 'kept' }));
    const one = returned(id, true, call({ thoughtSignature: 'brought' }));
    await custody.restore('t', [one], true);
    expect(one.part.thoughtSignature).toBe('brought');
  });

  it('keeps the signature of a text under its message, and needs none', async () => {
    const { custody } = custodyOf();
    custody.keepText('t', 'msg_1', 'sig');
    const known = { id: 'msg_1', part: { text: 'x' } as Part, required: false };
    const unknown = { id: 'msg_2', part: { text: 'y' } as Part, required: false };
    await custody.restore('t', [known, unknown], true);
    expect([known.part, unknown.part]).toEqual([{ text: 'x', thoughtSignature: 'sig' }, { text: 'y' }]);
  });

  it('asks the store nothing where nothing comes back, or there is nothing to keep', async () => {
    const store = { keep: jest.fn<SignatureStore['keep']>(), find: jest.fn<SignatureStore['find']>() };
    const { custody } = custodyOf(store);
    custody.keepCall('t', call());
    await custody.restore('t', [], true);
    expect(store.keep).not.toHaveBeenCalled();
    expect(store.find).not.toHaveBeenCalled();
  });

  it('counts what became of them', async () => {
    const { custody, metrics } = custodyOf();
    const id = custody.keepCall('t', call({ thoughtSignature: 'sig' }));
    await custody.restore('t', [returned(id), returned('elsewhere')], true);
    const text = await metrics.text();
    for (const [result, value] of Object.entries({
      kept: 1,
      restored: 1,
      lost: 0,
      foreign: 1,
      oversized: 0,
      store_failed: 0,
    }))
      expect(text).toContain(`gateway_signatures_total{result="${result}"} ${value}`);
  });

  it('goes on with the bypass value while the store fails, and tells it', async () => {
    const failing: SignatureStore = {
      keep: () => Promise.reject(new TypeError('keep: secret')),
      find: () => Promise.reject(new TypeError('find: secret')),
    };
    const { custody, error } = custodyOf(failing);
    const one = returned(custody.keepCall('t', call({ thoughtSignature: 'sig' })));
    await custody.restore('t', [one], true);
    expect(one.part.thoughtSignature).toBe(BYPASS_SIGNATURE);
    await eventually(() => custody.stats().store_failed === 2);
    expect(error.mock.calls).toEqual([[{ error: 'TypeError' }, expect.not.stringContaining('secret')]]);
  });

  it('tells of an outage once, and of its end, however many calls it fails', async () => {
    let away = true;
    const flaky: SignatureStore = {
      keep: () => (away ? Promise.reject(new Error('away')) : Promise.resolve()),
      find: (_tenant, ids) =>
        away ? Promise.reject(new Error('away')) : Promise.resolve(ids.map(() => undefined)),
    };
    const { custody, error, warn, clock } = custodyOf(flaky);
    const turn = () => custody.restore('t', [returned('call')], true);
    for (let calls = 0; calls < 50; calls += 1) await turn();
    away = false;
    await turn();
    away = true;
    await turn();
    expect([error.mock.calls.length, warn.mock.calls.length]).toEqual([1, 0]);
    away = false;
    clock.advance(10_000);
    await turn();
    await turn();
    expect(warn.mock.calls).toEqual([[{ failures: 51 }, expect.any(String)]]);
    away = true;
    custody.keepCall('t', call({ thoughtSignature: 'sig' }));
    await eventually(() => error.mock.calls.length === 2);
    away = false;
    clock.advance(10_000);
    custody.keepCall('t', call({ thoughtSignature: 'sig' }));
    await eventually(() => warn.mock.calls.length === 2);
  });

  it('keeps nothing that is too large, and counts it', async () => {
    const keep = jest.fn<SignatureStore['keep']>(() => Promise.resolve());
    const { custody } = custodyOf({ keep, find: () => Promise.resolve([undefined]) });
    const signed = (length: number) => call({ thoughtSignature: 'x'.repeat(length) });
    custody.keepCall('t', signed(LARGEST_PART));
    const lost = returned(custody.keepCall('t', signed(LARGEST_PART + 1)));
    expect(keep).toHaveBeenCalledTimes(1);
    await custody.restore('t', [lost], true);
    expect(lost.part.thoughtSignature).toBe(BYPASS_SIGNATURE);
    expect(custody.stats()).toMatchObject({ kept: 1, oversized: 1, lost: 1 });
  });
});
