import { Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import type { Call } from '../core/call.js';
import type { AttemptRecord, CacheRecord, CallRecord } from '../core/call-record.js';
import type { Reason } from '../core/gateway-error.js';
import type { StructuredReport } from '../core/generation.js';
import type { Outcome } from '../core/outcome.js';
import { subtractUsage, type Usage } from '../core/usage.js';
import { RoutingConfig } from '../routing/routing.config.js';
import { outcomeName } from './explanations.js';
import { Metrics } from './metrics.js';

const DURATION_BUCKETS_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320,
];

/** Label of each kind of token. Cached ones are among the input. */
const TOKEN_KINDS = [
  ['input', 'inputTokens'],
  ['cached', 'cachedTokens'],
  ['output', 'outputTokens'],
  ['thoughts', 'thoughtsTokens'],
  ['tool_use', 'toolUseTokens'],
] as const satisfies readonly (readonly [kind: string, field: keyof Usage])[];

/**
 * Counts calls by their records. No label holds a text of a caller: surfaces, operations, outcomes and troubles are
 * closed sets, tasks and targets are names of the configuration.
 */
@Injectable()
export class CallMetrics {
  #inFlight = 0;
  readonly #requests;
  readonly #durations;
  readonly #firstEvents;
  readonly #refusals;
  readonly #attempts;
  readonly #retries;
  readonly #alerts;
  readonly #tokens;
  readonly #cached;
  readonly #savedTokens;
  readonly #structured;
  readonly #mismatches;

  constructor(metrics: Metrics) {
    const registers = [metrics.registry];
    const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Counter({ name: `gateway_${name}`, help, labelNames, registers });
    const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Histogram({
        name: `gateway_${name}`,
        help,
        labelNames,
        registers,
        buckets: DURATION_BUCKETS_SECONDS,
      });
    const kindOfCall = ['surface', 'operation'] as const;
    this.#requests = counter('requests_total', 'Calls that are over, by how they ended.', [
      ...kindOfCall,
      'task',
      'outcome',
    ]);
    this.#durations = histogram(
      'request_duration_seconds',
      'From the request to the end of its answer.',
      kindOfCall,
    );
    this.#firstEvents = histogram(
      'first_event_seconds',
      'From the request to the first event of its answer; answered calls alone.',
      kindOfCall,
    );
    this.#refusals = counter('refusals_total', 'Requests refused before a call was made for them.', [
      'reason',
    ]);
    this.#attempts = counter('attempts_total', 'Upstream calls: ok, or what the trouble was.', [
      'target',
      'result',
    ]);
    this.#retries = counter('retries_total', 'Upstream calls after the first of their call.', ['target']);
    this.#alerts = counter(
      'alerts_total',
      'Upstream calls that failed for what an operator must mend: it does not get better by itself.',
      ['target', 'trouble'],
    );
    this.#tokens = counter('tokens_total', 'Tokens used, those of failed attempts included.', [
      'target',
      'kind',
    ]);
    this.#cached = counter(
      'cache_requests_total',
      'Calls that could have been answered from the cache, by what came of it and where the answer was found.',
      ['task', 'state', 'tier'],
    );
    this.#savedTokens = counter(
      'cache_saved_tokens_total',
      'Tokens of answers that were made for other calls: told to callers, spent by nobody.',
      ['target', 'kind'],
    );
    this.#structured = counter(
      'structured_answers_total',
      'Calls with a schema that got as far as an answer: valid at once, repaired, reasked, the default, of another model, or a mismatch.',
      ['task', 'result'],
    );
    this.#mismatches = counter(
      'schema_mismatches_total',
      'Calls whose model did not follow the schema even when asked again: ended in an error, the default, another model, or passed on.',
      ['task', 'ended'],
    );
    metrics.pull('gateway_calls_in_flight', 'Calls that are not over.', [], () => [
      { labels: {}, value: this.#inFlight },
    ]);
  }

  /** A call begins. */
  began(): void {
    this.#inFlight += 1;
  }

  /** A call that began is over, at this monotonic time. Once for each. */
  ended({ surface, operation, task, config, record }: Call, outcome: Outcome, endedMs: number): void {
    this.#inFlight -= 1;
    const { startedMs, firstEventMs, attempts, target } = record;
    const configured = task !== undefined && Object.hasOwn(config.get(RoutingConfig).tasks, task);
    this.#requests.inc(
      { surface, operation, task: configured ? task : 'none', outcome: outcomeName(outcome) },
      1,
    );
    const kindOfCall = { surface, operation };
    this.#durations.observe(kindOfCall, (endedMs - startedMs) / 1_000);
    if (firstEventMs !== undefined) this.#firstEvents.observe(kindOfCall, (firstEventMs - startedMs) / 1_000);
    for (const [index, attempt] of attempts.entries()) this.#attempted(attempt, index);
    if (target !== undefined) this.#used(target, record.answerUsage());
    if (record.cache !== undefined)
      this.#fromCache(record.cache, record, outcome, configured ? task : 'none');
    if (record.structured !== undefined) this.#held(record.structured, outcome, configured ? task : 'none');
  }

  /** A request was refused before a call was made for it. */
  refused(reason: Reason): void {
    this.#refusals.inc({ reason }, 1);
  }

  #attempted({ target, error, trouble, alert, usage }: AttemptRecord, index: number): void {
    this.#attempts.inc({ target, result: error === undefined ? 'ok' : (trouble ?? error) }, 1);
    if (index > 0) this.#retries.inc({ target }, 1);
    if (alert === true && trouble !== undefined) this.#alerts.inc({ target, trouble }, 1);
    if (usage !== undefined) this.#used(target, usage);
  }

  #fromCache({ state, tier }: CacheRecord, record: CallRecord, outcome: Outcome, task: string): void {
    this.#cached.inc({ task, state, tier: tier ?? 'none' }, 1);
    const { target } = record;
    if (target === undefined || state === 'miss' || state === 'bypass') return;
    this.#used(target, subtractUsage(outcome.usage, record.answerUsage()), this.#savedTokens);
  }

  #held(report: StructuredReport, outcome: Outcome, task: string): void {
    const { valid, repaired, reasked, instead } = report;
    const result = instead ?? (reasked ? 'reasked' : repaired ? 'repaired' : 'valid');
    this.#structured.inc({ task, result: valid ? result : 'mismatch' }, 1);
    if (valid && instead === undefined) return;
    const refused = outcome.kind === 'failed' && outcome.error.reason === 'SCHEMA_MISMATCH';
    this.#mismatches.inc({ task, ended: valid ? (instead ?? 'error') : refused ? 'error' : 'passed' }, 1);
  }

  #used(target: string, usage: Usage, counted = this.#tokens): void {
    for (const [kind, field] of TOKEN_KINDS) {
      if (usage[field] > 0) counted.inc({ target, kind }, usage[field]);
    }
  }
}
