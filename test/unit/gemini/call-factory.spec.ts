import { describe, expect, it } from '@jest/globals';
import type { ConfigStore } from '../../../src/config/config-store.js';
import { CallFactory, type CallInput } from '../../../src/gemini/call-factory.js';
import { callFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { snapshot } from '../routing/fixtures.js';

const CONFIG = snapshot({
  models: {},
  callTimeoutMs: 5_000,
  tasks: { quick: { models: ['m'], timeoutMs: 2_000, priority: 'interactive' } },
});

function create(input: Partial<CallInput>) {
  const clock = new ManualClock();
  clock.advance(100);
  const { id, principal, surface, operation, stream, request, signal, record } = callFixture();
  const factory = new CallFactory({ current: () => CONFIG } as unknown as ConfigStore, clock);
  return factory.create({ id, principal, surface, operation, stream, request, signal, record, ...input });
}

describe('CallFactory', () => {
  it('makes a call under the configuration of the moment, with all that the surface knows', () => {
    const { id, principal, request, signal, record } = callFixture();
    const call = create({ model: 'm', requestText: '{}', signal, record });
    expect(call).toMatchObject({
      id,
      principal,
      request,
      model: 'm',
      requestText: '{}',
      priority: 'standard',
    });
    expect(call.config).toBe(CONFIG);
    expect(call.signal).toBe(signal);
    expect(call.record).toBe(record);
    expect(call.metadata).toEqual({});
  });

  it.each([
    [{}, 5_100],
    [{ timeoutMs: 300 }, 400],
    [{ timeoutMs: 9_000 }, 5_100],
    [{ task: 'quick' }, 2_100],
    [{ task: 'quick', timeoutMs: 2_500 }, 2_100],
    [{ task: 'quick', timeoutMs: 1_000 }, 1_100],
    [{ task: 'constructor' }, 5_100],
  ])('bounds %j by the shortest of the deadlines', (input, deadlineMs) => {
    expect(create(input).deadlineMs).toBe(deadlineMs);
  });

  it.each([
    [{}, 'standard'],
    [{ task: 'quick' }, 'interactive'],
    [{ task: 'quick', priority: 'batch' }, 'batch'],
  ] as const)('gives %j the priority %s', (input, priority) => {
    expect(create(input).priority).toBe(priority);
  });

  it('refuses a request that no upstream could answer', () => {
    expect(() => create({ request: {} })).toThrow(expect.objectContaining({ reason: 'INVALID_REQUEST' }));
  });
});
