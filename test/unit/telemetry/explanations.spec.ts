import { describe, expect, it } from '@jest/globals';
import { CallRecord } from '../../../src/core/call-record.js';
import { Explanations } from '../../../src/telemetry/explanations.js';
import { TelemetryConfig } from '../../../src/telemetry/telemetry.config.js';
import { callFixture, finishFixture, usageFixture } from '../../helpers/calls.js';

const remembering = (explainedRequests: number) =>
  new Explanations(Object.assign(new TelemetryConfig(), { explainedRequests }));
const asker = (tenant: string, ...scopes: string[]) => ({ keyId: 'k', tenant, team: 't', scopes });

describe('Explanations', () => {
  it('shows plan, targets left out, attempts and outcome, as they are when asked', () => {
    const explanations = remembering(10);
    const call = callFixture({ task: 'chat' });
    explanations.remember(call);
    expect(explanations.of('call-1', asker('tenant-1'))).toMatchObject({ outcome: 'running', attempts: [] });
    call.record.plan = [{ target: 'a/m', score: 2 }, { target: 'b/m' }];
    call.record.skipped.push({ target: 'a/m', why: 'it rests' });
    call.record.attempts.push({ target: 'b/m', afterMs: 2, tookMs: 3 });
    call.record.target = 'b/m';
    const usage = usageFixture(3, 5);
    call.record.checked({ target: 'b/m', limits: { requestsPerMinute: 5 }, estimate: { requests: 1 } });
    call.record.waitedMs = 40;
    call.record.settle({ kind: 'completed', finish: finishFixture({ usage }), usage });
    expect(explanations.of('call-1', asker('tenant-1'))).toEqual({
      id: 'call-1',
      surface: 'rest',
      operation: 'generate',
      quotaChecks: [{ target: 'b/m', limits: { requestsPerMinute: 5 }, estimate: { requests: 1 } }],
      waitedMs: 40,
      task: 'chat',
      model: 'gemini-3.8-flash',
      configVersion: 1,
      plan: [{ target: 'a/m', score: 2 }, { target: 'b/m' }],
      skipped: [{ target: 'a/m', why: 'it rests' }],
      attempts: [{ target: 'b/m', afterMs: 2, tookMs: 3 }],
      target: 'b/m',
      outcome: 'ok',
      finishReason: 'STOP',
      usage,
    });
  });

  it('is for the tenant of the call, and for admins', () => {
    const explanations = remembering(10);
    explanations.remember(callFixture());
    expect(explanations.of('call-1', asker('tenant-2'))).toBeUndefined();
    expect(explanations.of('call-1', asker('tenant-2', 'generate'))).toBeUndefined();
    expect(explanations.of('call-1', asker('tenant-2', 'admin'))).toBeDefined();
  });

  it('forgets the oldest calls beyond its bound, and keeps the later of two with one id', () => {
    const explanations = remembering(2);
    const again = new CallRecord(7);
    explanations.remember(callFixture({ id: 'a' }));
    explanations.remember(callFixture({ id: 'b' }));
    explanations.remember(callFixture({ id: 'a', record: again }));
    explanations.remember(callFixture({ id: 'c' }));
    expect(explanations.of('b', asker('tenant-1'))).toBeUndefined();
    again.plan = [{ target: 'later/m' }];
    expect(explanations.of('a', asker('tenant-1'))?.plan).toEqual([{ target: 'later/m' }]);
    expect(explanations.of('c', asker('tenant-1'))).toBeDefined();
  });
});
