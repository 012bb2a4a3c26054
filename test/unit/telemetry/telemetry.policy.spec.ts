import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import { Explanations } from '../../../src/telemetry/explanations.js';
import { TelemetryConfig } from '../../../src/telemetry/telemetry.config.js';
import { TelemetryPolicy } from '../../../src/telemetry/telemetry.policy.js';
import { callFixture, chunkFixture, finishFixture, generationOf, usageFixture } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { policyProperties } from '../../helpers/policy-properties.js';

policyProperties(
  'TelemetryPolicy',
  (clock) => new TelemetryPolicy(clock, new Explanations(new TelemetryConfig())),
);

describe('TelemetryPolicy', () => {
  it('writes when the first event came, who answered, and how it ended', async () => {
    const clock = new ManualClock();
    const call = callFixture();
    const finish = finishFixture();
    const generation = await new TelemetryPolicy(clock, new Explanations(new TelemetryConfig())).apply(
      call,
      () => {
        clock.advance(40);
        return Promise.resolve(
          generationOf([chunkFixture('a'), finish], { head: { project: 'p', model: 'm' } }),
        );
      },
    );
    expect(call.record).toMatchObject({ firstEventMs: 40, target: 'p/m', model: 'm', outcome: undefined });
    await collect(generation);
    expect(call.record.outcome).toEqual({ kind: 'completed', finish, usage: finish.usage });
  });

  it('writes that a stream was left, with what it used', async () => {
    const call = callFixture();
    const used = usageFixture(3, 1);
    const generation = await new TelemetryPolicy(
      new ManualClock(),
      new Explanations(new TelemetryConfig()),
    ).apply(call, () => Promise.resolve(generationOf([chunkFixture('a', used), finishFixture()])));
    for await (const _ of generation.events) break;
    expect(call.record.outcome).toEqual({ kind: 'abandoned', usage: used });
  });

  it.each([
    ['UPSTREAM_OVERLOADED', 'failed'],
    ['CANCELLED', 'abandoned'],
  ] as const)('writes a refusal for %s as %s, with what it used', async (reason, kind) => {
    const call = callFixture();
    const error = new GatewayError(reason, 'No.').withUsage(usageFixture(2, 0));
    const refused = new TelemetryPolicy(new ManualClock(), new Explanations(new TelemetryConfig())).apply(
      call,
      () => Promise.reject(error),
    );
    await expect(refused).rejects.toBe(error);
    expect(call.record.outcome).toMatchObject({ kind, usage: usageFixture(2, 0) });
    expect(call.record.firstEventMs).toBeUndefined();
  });
});
