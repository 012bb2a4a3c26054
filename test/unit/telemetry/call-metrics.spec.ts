import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import { type AttemptRecord, type CacheRecord, CallRecord } from '../../../src/core/call-record.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Outcome } from '../../../src/core/outcome.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { TaskConfig } from '../../../src/routing/tasks.config.js';
import { CallMetrics } from '../../../src/telemetry/call-metrics.js';
import { Metrics } from '../../../src/telemetry/metrics.js';
import { callFixture, configFixture, finishFixture, usageFixture } from '../../helpers/calls.js';
import { samplesOf } from '../../helpers/telemetry.js';

const config = configFixture(Object.assign(new RoutingConfig(), { tasks: { chat: new TaskConfig() } }));
const used = (usage = usageFixture(3, 5)): Outcome => ({
  kind: 'completed',
  finish: finishFixture({ usage }),
  usage,
});
const failed = (reason: 'NO_TARGET' | 'UPSTREAM_AUTH'): Outcome => ({
  kind: 'failed',
  error: new GatewayError(reason, 'No.'),
  usage: usageFixture(0, 0),
});
const attempt = (target: string, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  target,
  afterMs: 0,
  tookMs: 1,
  ...more,
});

describe('CallMetrics', () => {
  let registry: Metrics;
  let metrics: CallMetrics;
  beforeEach(() => {
    registry = new Metrics();
    metrics = new CallMetrics(registry);
  });

  /** A call that is over. */
  function ended(
    outcome: Outcome,
    { attempts = [], target, ...more }: Partial<Call> & { attempts?: AttemptRecord[]; target?: string } = {},
  ): void {
    const record = new CallRecord(1_000);
    record.attempts.push(...attempts);
    record.target = target;
    if (target !== undefined) record.firstEventMs = 1_300;
    record.settle(outcome);
    metrics.began();
    metrics.ended(callFixture({ config, record, ...more }), outcome, 3_000);
  }

  /** Samples whose name begins so, by their labels. */
  async function samples(name: string): Promise<Record<string, number>> {
    const all = [...samplesOf(await registry.text())];
    return Object.fromEntries(
      all.flatMap(([key, value]) => (key.startsWith(name) ? [[key.slice(name.length), value]] : [])),
    );
  }

  it('counts calls by surface, operation, configured task and outcome', async () => {
    ended(used(), { task: 'chat' });
    ended(used(), { task: 'chat', surface: 'gemini', operation: 'embed' });
    ended(failed('NO_TARGET'));
    ended({ kind: 'abandoned', usage: usageFixture(0, 0) });
    ended(used(), { task: 'made up by a caller' });
    ended(used(), { task: 'toString' });
    expect(await samples('gateway_requests_total')).toEqual({
      '{surface="rest",operation="generate",task="chat",outcome="ok"}': 1,
      '{surface="gemini",operation="embed",task="chat",outcome="ok"}': 1,
      '{surface="rest",operation="generate",task="none",outcome="NO_TARGET"}': 1,
      '{surface="rest",operation="generate",task="none",outcome="abandoned"}': 1,
      '{surface="rest",operation="generate",task="none",outcome="ok"}': 2,
    });
  });

  it('tells how long calls took, in seconds, and the first event of those that had one', async () => {
    ended(used(), { target: 'p/m' });
    ended(failed('NO_TARGET'));
    const labels = 'surface="rest",operation="generate"';
    expect(await samples('gateway_request_duration_seconds')).toMatchObject({
      [`_bucket{le="1",${labels}}`]: 0,
      [`_bucket{le="2.5",${labels}}`]: 2,
      [`_sum{${labels}}`]: 4,
      [`_count{${labels}}`]: 2,
    });
    expect(await samples('gateway_first_event_seconds')).toMatchObject({
      [`_bucket{le="0.25",${labels}}`]: 0,
      [`_bucket{le="0.5",${labels}}`]: 1,
      [`_sum{${labels}}`]: 0.3,
      [`_count{${labels}}`]: 1,
    });
  });

  it('counts attempts by what came of them, retries, and what an operator must hear of', async () => {
    ended(used(), {
      target: 'b/m',
      attempts: [
        attempt('a/m', { error: 'UPSTREAM_AUTH', trouble: 'credentials', alert: true }),
        attempt('a/m', { error: 'UPSTREAM_OVERLOADED', trouble: 'overloaded' }),
        attempt('b/m'),
      ],
    });
    ended(used(), { target: 'b/m', attempts: [attempt('b/m')] });
    expect(await samples('gateway_attempts_total')).toEqual({
      '{target="a/m",result="credentials"}': 1,
      '{target="a/m",result="overloaded"}': 1,
      '{target="b/m",result="ok"}': 2,
    });
    expect(await samples('gateway_retries_total')).toEqual({ '{target="a/m"}': 1, '{target="b/m"}': 1 });
    expect(await samples('gateway_alerts_total')).toEqual({ '{target="a/m",trouble="credentials"}': 1 });
  });

  it('counts each kind of token for the target that used it, in attempts that failed too', async () => {
    const usage = {
      ...usageFixture(100, 50),
      cachedTokens: 40,
      thoughtsTokens: 30,
      toolUseTokens: 20,
      totalTokens: 200,
    };
    ended(used(usage), {
      target: 'b/m',
      attempts: [attempt('a/m', { error: 'EMPTY_RESPONSE', usage: usageFixture(7, 0) }), attempt('b/m')],
    });
    expect(await samples('gateway_tokens_total')).toEqual({
      '{target="a/m",kind="input"}': 7,
      '{target="b/m",kind="input"}': 100,
      '{target="b/m",kind="cached"}': 40,
      '{target="b/m",kind="output"}': 50,
      '{target="b/m",kind="thoughts"}': 30,
      '{target="b/m",kind="tool_use"}': 20,
    });
  });

  it('counts calls by what the cache did, and the tokens of answers made for others as saved', async () => {
    const ofCache = (cache: CacheRecord | undefined, isPaid: boolean): void => {
      const record = new CallRecord(0);
      record.cache = cache;
      record.target = 'b/m';
      if (!isPaid) record.payNothing();
      const outcome = used(usageFixture(100, 50));
      record.settle(outcome);
      metrics.began();
      metrics.ended(callFixture({ config, record, task: 'no such task' }), outcome, 0);
    };
    ofCache(undefined, true);
    ofCache({ state: 'bypass' }, true);
    ofCache({ state: 'miss', stored: true }, true);
    ofCache({ state: 'hit', tier: 'redis' }, false);
    ofCache({ state: 'coalesced' }, false);
    expect(await samples('gateway_cache_requests_total')).toEqual({
      '{task="none",state="bypass",tier="none"}': 1,
      '{task="none",state="miss",tier="none"}': 1,
      '{task="none",state="hit",tier="redis"}': 1,
      '{task="none",state="coalesced",tier="none"}': 1,
    });
    expect(await samples('gateway_tokens_total{target="b/m",kind="input"}')).toEqual({ '': 300 });
    expect(await samples('gateway_cache_saved_tokens_total')).toEqual({
      '{target="b/m",kind="input"}': 200,
      '{target="b/m",kind="output"}': 100,
    });
  });

  it('counts the tokens of a failed call once', async () => {
    const error = new GatewayError('EMPTY_RESPONSE', 'Nothing.').withUsage(usageFixture(7, 0));
    ended(
      { kind: 'failed', error, usage: usageFixture(7, 0) },
      { attempts: [attempt('a/m', { error: 'EMPTY_RESPONSE', usage: usageFixture(7, 0) })] },
    );
    expect(await samples('gateway_tokens_total')).toEqual({ '{target="a/m",kind="input"}': 7 });
  });

  it('counts requests that came to no call by their reason', async () => {
    metrics.refused('UNAUTHENTICATED');
    metrics.refused('UNAUTHENTICATED');
    expect(await samples('gateway_refusals_total')).toEqual({ '{reason="UNAUTHENTICATED"}': 2 });
  });

  it('knows how many calls go on', async () => {
    metrics.began();
    metrics.began();
    ended(used());
    expect(await samples('gateway_calls_in_flight')).toEqual({ '': 2 });
  });

  it('counts how answers to schemas went, and those for which the model was of no use', async () => {
    const report = { valid: true, repaired: false, reasked: false, relaxed: [] };
    const mismatch: Outcome = {
      kind: 'failed',
      error: new GatewayError('SCHEMA_MISMATCH', 'No.'),
      usage: usageFixture(0, 0),
    };
    const heldTo = (outcome: Outcome, structured: Partial<typeof report> & { instead?: 'default' }): void => {
      const record = new CallRecord(1_000);
      record.structured = { ...report, ...structured };
      record.settle(outcome);
      metrics.ended(callFixture({ config, record, task: 'chat' }), outcome, 3_000);
    };
    heldTo(used(), {});
    heldTo(used(), { repaired: true });
    heldTo(used(), { repaired: true, reasked: true });
    heldTo(used(), { reasked: true, instead: 'default' });
    heldTo(used(), { valid: false });
    heldTo(mismatch, { valid: false });
    expect(await samples('gateway_structured_answers_total')).toEqual({
      '{task="chat",result="valid"}': 1,
      '{task="chat",result="repaired"}': 1,
      '{task="chat",result="reasked"}': 1,
      '{task="chat",result="default"}': 1,
      '{task="chat",result="mismatch"}': 2,
    });
    expect(await samples('gateway_schema_mismatches_total')).toEqual({
      '{task="chat",ended="default"}': 1,
      '{task="chat",ended="passed"}': 1,
      '{task="chat",ended="error"}': 1,
    });
  });
});
