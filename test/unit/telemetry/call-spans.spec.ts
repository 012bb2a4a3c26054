import { describe, expect, it } from '@jest/globals';
import type { Call } from '../../../src/core/call.js';
import { CallRecord } from '../../../src/core/call-record.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Outcome } from '../../../src/core/outcome.js';
import type { ProviderKind } from '../../../src/routing/projects.config.js';
import { ProjectConfig } from '../../../src/routing/projects.config.js';
import { RoutingConfig } from '../../../src/routing/routing.config.js';
import { TaskConfig } from '../../../src/routing/tasks.config.js';
import { attemptSpans, callSpan } from '../../../src/telemetry/call-spans.js';
import { callFixture, configFixture, finishFixture, usageFixture } from '../../helpers/calls.js';

const project = (id: string, provider: ProviderKind): ProjectConfig =>
  Object.assign(new ProjectConfig(), { id, provider });
const config = configFixture(
  Object.assign(new RoutingConfig(), {
    projects: [project('a', 'gemini'), project('b', 'vertex'), project('c', 'openai-compatible')],
    tasks: { chat: new TaskConfig() },
  }),
);
const usage = {
  ...usageFixture(100, 50),
  cachedTokens: 40,
  thoughtsTokens: 30,
  toolUseTokens: 20,
  totalTokens: 200,
};
const answered: Outcome = {
  kind: 'completed',
  finish: finishFixture({ usage, modelVersion: 'm-001' }),
  usage,
};
const broken: Outcome = { kind: 'failed', error: new GatewayError('UPSTREAM_UNAVAILABLE', 'x'), usage };

/** A call that began at 1,000, failed on `a` after 100, answered from `b` 80 after a pause of 50. */
function call(outcome: Outcome, overrides: Partial<Call> = {}): Call {
  const record = new CallRecord(1_000);
  record.plan = [{ target: 'a/m', score: 0.9 }, { target: 'b/m', score: 0.4 }, { target: 'c/n' }];
  record.skipped.push({ target: 'c/n', why: 'it rests' });
  record.share = 'n';
  record.attempts.push({
    target: 'a/m',
    afterMs: 5,
    tookMs: 100,
    error: 'UPSTREAM_AUTH',
    trouble: 'credentials',
    alert: true,
    upstreamReason: 'API_KEY_INVALID',
    retryAfterMs: 30,
    usage: usageFixture(7, 0),
  });
  record.attempts.push({ target: 'b/m', afterMs: 155, tookMs: 80 });
  record.target = 'b/m';
  record.firstEventMs = 1_240;
  record.settle(outcome);
  return callFixture({ config, record, task: 'chat', stream: true, ...overrides });
}

const known = (attributes: object): object => JSON.parse(JSON.stringify(attributes)) as object;

describe('callSpan', () => {
  it('tells what was asked, what came of it, and why it went so', () => {
    const { attributes, ...span } = callSpan(
      call(answered, { metadata: { feature: 'inbox', user: 'jo', conversation: 'c' } }),
      2_000,
    );
    expect(span).toEqual({ name: 'generate_content gemini-3.8-flash', startMs: 1_000, endMs: 2_000 });
    expect(known(attributes)).toEqual({
      'gen_ai.operation.name': 'generate_content',
      'gen_ai.provider.name': 'gcp.vertex_ai',
      'gen_ai.request.model': 'gemini-3.8-flash',
      'gen_ai.request.stream': true,
      'gen_ai.response.model': 'm-001',
      'gen_ai.response.finish_reasons': ['STOP'],
      'gen_ai.response.time_to_first_chunk': 0.24,
      'gen_ai.usage.input_tokens': 127,
      'gen_ai.usage.cache_read.input_tokens': 40,
      'gen_ai.usage.output_tokens': 80,
      'gen_ai.usage.reasoning.output_tokens': 30,
      'gateway.request_id': 'call-1',
      'gateway.surface': 'rest',
      'gateway.task': 'chat',
      'gateway.feature': 'inbox',
      'gateway.tenant': 'tenant-1',
      'gateway.team': 'team-1',
      'gateway.key_id': 'key-1',
      'gateway.config_version': 1,
      'gateway.outcome': 'ok',
      'gateway.target': 'b/m',
      'gateway.attempts': 2,
      'gateway.plan.targets': ['a/m', 'b/m', 'c/n'],
      'gateway.plan.scores': [0.9, 0.4],
      'gateway.share': 'n',
      'gateway.skipped': ['c/n: it rests'],
    });
  });

  it('names the model that was chosen where a task was asked for', () => {
    const asked = call(answered);
    const { model: _, ...ofTask } = asked;
    expect(callSpan(ofTask, 2_000).name).toBe('generate_content m');
  });

  it.each([
    ['count_tokens', 'count_tokens gemini-3.8-flash'],
    ['embed', 'embeddings gemini-3.8-flash'],
    ['batch_embed', 'embeddings gemini-3.8-flash'],
  ] as const)('names %s as the conventions do', (operation, name) => {
    expect(callSpan(call(answered, { operation }), 2_000).name).toBe(name);
  });

  it('repeats no model or task that only the caller knows', () => {
    const record = new CallRecord(1_000);
    record.settle({
      kind: 'failed',
      error: new GatewayError('MODEL_NOT_FOUND', 'x'),
      usage: usageFixture(0, 0),
    });
    const unknown = callFixture({ config, record, model: 'made-up', task: 'toString' });
    const { name, error, attributes } = callSpan(unknown, 1_001);
    expect({ name, error }).toEqual({ name: 'generate_content', error: 'MODEL_NOT_FOUND' });
    expect(JSON.stringify(attributes)).not.toMatch(/made-up|toString|usage/);
    expect(attributes).toMatchObject({ 'gateway.outcome': 'MODEL_NOT_FOUND', 'gateway.attempts': 0 });
  });

  it('has no error where the caller left', () => {
    const { error, attributes } = callSpan(call({ kind: 'abandoned', usage }), 2_000);
    expect(error).toBeUndefined();
    expect(attributes).toMatchObject({ 'gateway.outcome': 'abandoned' });
  });
});

describe('attemptSpans', () => {
  it('tells of each attempt where, when, why it failed, and the pause before it', () => {
    const [first, second, ...more] = attemptSpans(call(answered), 2_000);
    expect(more).toEqual([]);
    expect({ ...first, attributes: known(first?.attributes ?? {}) }).toEqual({
      name: 'generate_content m',
      startMs: 1_005,
      endMs: 1_105,
      error: 'UPSTREAM_AUTH',
      attributes: {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.request.model': 'm',
        'gen_ai.request.stream': true,
        'gen_ai.usage.input_tokens': 7,
        'gen_ai.usage.cache_read.input_tokens': 0,
        'gen_ai.usage.output_tokens': 0,
        'gen_ai.usage.reasoning.output_tokens': 0,
        'gateway.target': 'a/m',
        'gateway.attempt': 1,
        'gateway.attempt.waited_ms': 0,
        'gateway.attempt.trouble': 'credentials',
        'gateway.attempt.alert': true,
        'gateway.attempt.upstream_reason': 'API_KEY_INVALID',
        'gateway.attempt.retry_after_ms': 30,
      },
    });
    expect({ ...second, attributes: known(second?.attributes ?? {}) }).toEqual({
      name: 'generate_content m',
      startMs: 1_155,
      endMs: 2_000,
      attributes: {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.provider.name': 'gcp.vertex_ai',
        'gen_ai.request.model': 'm',
        'gen_ai.request.stream': true,
        'gen_ai.response.model': 'm-001',
        'gen_ai.response.finish_reasons': ['STOP'],
        'gen_ai.response.time_to_first_chunk': 0.08,
        'gen_ai.usage.input_tokens': 120,
        'gen_ai.usage.cache_read.input_tokens': 40,
        'gen_ai.usage.output_tokens': 80,
        'gen_ai.usage.reasoning.output_tokens': 30,
        'gateway.target': 'b/m',
        'gateway.attempt': 2,
        'gateway.attempt.waited_ms': 50,
      },
    });
  });

  it('fails the attempt whose answer broke off, and no other', () => {
    const errors = attemptSpans(call(broken), 2_000).map(({ error }) => error);
    expect(errors).toEqual(['UPSTREAM_AUTH', 'UPSTREAM_UNAVAILABLE']);
  });

  it('ends an attempt that failed with its failure, also where it was the last', () => {
    const only = call(broken);
    only.record.attempts.pop();
    only.record.target = undefined;
    expect(attemptSpans(only, 2_000)).toMatchObject([{ endMs: 1_105, error: 'UPSTREAM_AUTH' }]);
  });

  it('has no time to a first chunk where the answer came in one piece', () => {
    const [, second] = attemptSpans(call(answered, { stream: false }), 2_000);
    expect(second?.attributes['gen_ai.response.time_to_first_chunk']).toBeUndefined();
  });
});

describe('the span of a call that goes through the cache', () => {
  it('tells what the cache did, and no tokens where nobody spent any', () => {
    const replayed = call(answered);
    replayed.record.attempts.splice(0);
    replayed.record.cache = { state: 'hit', tier: 'memory' };
    replayed.record.payNothing();
    const { attributes } = callSpan(replayed, 2_000);
    expect(attributes).toMatchObject({ 'gateway.cache': 'hit', 'gateway.cache.tier': 'memory' });
    expect(known(attributes)).not.toHaveProperty(['gen_ai.usage.input_tokens']);
  });
});
