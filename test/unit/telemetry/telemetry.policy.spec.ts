import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { Metrics } from '../../../src/telemetry/metrics.js';
import type { Traces } from '../../../src/telemetry/traces.js';
import { callFixture, chunkFixture, finishFixture, generationOf, usageFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { policyProperties } from '../../helpers/policy-properties.js';
import { samplesOf, telemetryPolicy } from '../../helpers/telemetry.js';

policyProperties('TelemetryPolicy', (clock) => telemetryPolicy(clock));

describe('TelemetryPolicy', () => {
  it('writes when the first event came, who answered, and how it ended', async () => {
    const clock = new ManualClock();
    const call = callFixture();
    const finish = finishFixture();
    const generation = await telemetryPolicy(clock).apply(call, () => {
      clock.advance(40);
      return Promise.resolve(
        generationOf([chunkFixture('a'), finish], { head: { project: 'p', model: 'm' } }),
      );
    });
    expect(call.record).toMatchObject({ firstEventMs: 40, target: 'p/m', model: 'm', outcome: undefined });
    await collect(generation);
    expect(call.record.outcome).toEqual({ kind: 'completed', finish, usage: finish.usage });
  });

  it('writes that a stream was left, with what it used', async () => {
    const call = callFixture();
    const used = usageFixture(3, 1);
    const generation = await telemetryPolicy(new ManualClock()).apply(call, () =>
      Promise.resolve(generationOf([chunkFixture('a', used), finishFixture()])),
    );
    for await (const _ of generation.events) break;
    expect(call.record.outcome).toEqual({ kind: 'abandoned', usage: used });
  });

  it.each([
    ['UPSTREAM_OVERLOADED', 'failed'],
    ['CANCELLED', 'abandoned'],
  ] as const)('writes a refusal for %s as %s, with what it used', async (reason, kind) => {
    const call = callFixture();
    const error = new GatewayError(reason, 'No.').withUsage(usageFixture(2, 0));
    const refused = telemetryPolicy(new ManualClock()).apply(call, () => Promise.reject(error));
    await expect(refused).rejects.toBe(error);
    expect(call.record.outcome).toMatchObject({ kind, usage: usageFixture(2, 0) });
    expect(call.record.firstEventMs).toBeUndefined();
  });

  it.each(['an answer', 'a refusal', 'a caller who leaves'])(
    'counts and traces a call once it is over, by %s, with its record settled',
    async (end) => {
      const clock = new ManualClock();
      const metrics = new Metrics();
      const ends: unknown[] = [];
      const traces: Traces = {
        ended: ({ record }, endedMs) => ends.push([endedMs, record.outcome?.kind]),
      };
      const inFlight = async (): Promise<unknown> =>
        samplesOf(await metrics.text()).get('gateway_calls_in_flight');
      const answering = telemetryPolicy(clock, { metrics, traces }).apply(callFixture(), async () => {
        expect(await inFlight()).toBe(1);
        clock.advance(25);
        if (end === 'a refusal') throw new GatewayError('NO_TARGET', 'None.');
        return generationOf([chunkFixture('a'), finishFixture()]);
      });
      if (end === 'a refusal') await expect(answering).rejects.toThrow('None.');
      else {
        const { events } = await answering;
        expect(ends).toEqual([]);
        for await (const _ of events) if (end === 'a caller who leaves') break;
      }
      const kinds = { 'an answer': 'completed', 'a refusal': 'failed', 'a caller who leaves': 'abandoned' };
      expect(ends).toEqual([[25, kinds[end as keyof typeof kinds]]]);
      expect(await inFlight()).toBe(0);
    },
  );
});
