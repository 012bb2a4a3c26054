import type { Call, Operation } from '../core/call.js';
import type { AttemptRecord } from '../core/call-record.js';
import { NO_USAGE, type Usage } from '../core/usage.js';
import type { ProviderKind } from '../routing/projects.config.js';
import { RoutingConfig } from '../routing/routing.config.js';
import { outcomeName } from './explanations.js';

/** Attributes of a span; what is undefined is left out. */
export type SpanAttributes = Record<string, string | number | boolean | string[] | number[] | undefined>;

/** What a span says. Its times are monotonic. */
export interface SpanSketch {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /**
   * In the words of OpenTelemetry's conventions for generative AI (`gen_ai.*`, as of 2026-11), and `gateway.*` where
   * they have none. Nothing of the content, and no keys.
   */
  readonly attributes: SpanAttributes;
  /** Why it failed. */
  readonly error?: string;
}

const OPERATIONS = {
  generate: 'generate_content',
  count_tokens: 'count_tokens',
  embed: 'embeddings',
  batch_embed: 'embeddings',
} as const satisfies Record<Operation, string>;

const PROVIDERS = {
  gemini: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  'openai-compatible': 'openai',
} as const satisfies Record<ProviderKind, string>;

/** The span of a call that is over: what was asked, what came of it, and why it went as it did. */
export function callSpan(call: Call, endMs: number): SpanSketch {
  const { config, principal, record } = call;
  const { outcome, plan, skipped, share, target, startedMs, firstEventMs } = record;
  const { tasks } = config.get(RoutingConfig);
  const scores = plan.flatMap(({ score }) => score ?? []);
  // Without a plan the model that was asked for is one that nobody serves: a text of the caller.
  const model = plan.length === 0 ? undefined : (call.model ?? modelOf(target ?? plan[0]?.target));
  return {
    ...named(call, model),
    startMs: startedMs,
    endMs,
    attributes: {
      ...kindOf(call, model, target ?? plan[0]?.target),
      ...(target === undefined ? {} : answerOf(call, (firstEventMs ?? endMs) - startedMs)),
      ...usageOf(record.usage()),
      'gateway.request_id': call.id,
      'gateway.surface': call.surface,
      'gateway.task': call.task !== undefined && Object.hasOwn(tasks, call.task) ? call.task : undefined,
      'gateway.feature': call.metadata.feature,
      'gateway.tenant': principal.tenant,
      'gateway.team': principal.team,
      'gateway.key_id': principal.keyId,
      'gateway.config_version': config.version,
      'gateway.outcome': outcome && outcomeName(outcome),
      'gateway.target': target,
      'gateway.attempts': record.attempts.length,
      'gateway.cache': record.cache?.state,
      'gateway.cache.tier': record.cache?.tier,
      'gateway.plan.targets': plan.map((planned) => planned.target),
      'gateway.plan.scores': scores.length === 0 ? undefined : scores,
      'gateway.share': share,
      'gateway.skipped': skipped.map((skip) => `${skip.target}: ${skip.why}`),
    },
    ...failure(call),
  };
}

/**
 * The spans of a call's attempts, in order. One that failed ends with its failure, one that answered with its first
 * event, but the last with the call.
 */
export function attemptSpans(call: Call, endMs: number): readonly SpanSketch[] {
  const { attempts, startedMs, target } = call.record;
  return attempts.map((attempt, index): SpanSketch => {
    const startMs = startedMs + attempt.afterMs;
    const before = attempts[index - 1];
    const waitedMs = before === undefined ? 0 : attempt.afterMs - before.afterMs - before.tookMs;
    const answered = index === attempts.length - 1 && attempt.error === undefined && target !== undefined;
    const model = modelOf(attempt.target);
    return {
      ...named(call, model),
      startMs,
      endMs: answered ? endMs : startMs + attempt.tookMs,
      attributes: {
        ...kindOf(call, model, attempt.target),
        ...(answered ? answerOf(call, attempt.tookMs) : {}),
        ...usageOf(answered ? (call.record.outcome?.usage ?? NO_USAGE) : (attempt.usage ?? NO_USAGE)),
        'gateway.target': attempt.target,
        'gateway.attempt': index + 1,
        'gateway.attempt.waited_ms': Math.max(0, waitedMs),
        ...troubleOf(attempt),
      },
      ...(answered ? failure(call) : {}),
      ...(attempt.error === undefined ? {} : { error: attempt.error }),
    };
  });
}

function named({ operation }: Call, model: string | undefined): Pick<SpanSketch, 'name'> {
  const name = OPERATIONS[operation];
  return { name: model === undefined ? name : `${name} ${model}` };
}

function kindOf(call: Call, model: string | undefined, target: string | undefined): SpanAttributes {
  const project = target?.slice(0, target.indexOf('/'));
  const { projects } = call.config.get(RoutingConfig);
  const provider = projects.find(({ id }) => id === project)?.provider;
  return {
    'gen_ai.operation.name': OPERATIONS[call.operation],
    'gen_ai.provider.name': provider && PROVIDERS[provider],
    'gen_ai.request.model': model,
    'gen_ai.request.stream': call.stream,
  };
}

function answerOf({ stream, record: { outcome } }: Call, firstEventAfterMs: number): SpanAttributes {
  const finish = outcome?.kind === 'completed' ? outcome.finish : undefined;
  return {
    'gen_ai.response.model': finish?.modelVersion,
    'gen_ai.response.finish_reasons': finish && [finish.finishReason],
    'gen_ai.response.time_to_first_chunk': stream ? firstEventAfterMs / 1_000 : undefined,
  };
}

/** The conventions count cached tokens among the input, and reasoning among the output. */
function usageOf(usage: Usage): SpanAttributes {
  if (usage.totalTokens === 0) return {};
  return {
    'gen_ai.usage.input_tokens': usage.inputTokens + usage.toolUseTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cachedTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens + usage.thoughtsTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.thoughtsTokens,
  };
}

function troubleOf({ trouble, alert, upstreamReason, retryAfterMs }: AttemptRecord): SpanAttributes {
  return {
    'gateway.attempt.trouble': trouble,
    'gateway.attempt.alert': alert,
    'gateway.attempt.upstream_reason': upstreamReason,
    'gateway.attempt.retry_after_ms': retryAfterMs,
  };
}

function failure({ record: { outcome } }: Call): Pick<SpanSketch, 'error'> {
  return outcome?.kind === 'failed' ? { error: outcome.error.reason } : {};
}

function modelOf(target: string | undefined): string | undefined {
  return target?.slice(target.indexOf('/') + 1);
}
