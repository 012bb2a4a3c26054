import { randomUUID } from 'node:crypto';
import type { CacheRecord } from '../core/call-record.js';
import type { Call } from '../core/call.js';
import type { Clock } from '../core/clock.js';
import { settled } from '../core/combinators.js';
import { GatewayError, type Reason } from '../core/gateway-error.js';
import type { CacheMark, Generation } from '../core/generation.js';
import type { Next, Policy } from '../core/policy.js';
import type { Random } from '../core/random.js';
import { CANNED_PROJECT } from '../routing/target.js';
import { recorded } from './answer-recorder.js';
import type { AnswerTiers, Found } from './answer-tiers.js';
import type { CacheConfig } from './cache.config.js';
import { type CacheTerms, cacheTermsOf, type SchemaOf } from './cache-terms.js';
import type { Coalescer } from './coalescer.js';
import type { InvalidationState } from './invalidation-log.port.js';
import type { Invalidations } from './invalidations.js';
import type { ReplicaTurns } from './replica-turns.js';
import type { Revalidation } from './revalidation.js';
import { isStorable } from './storable.js';
import { ageOf, freshnessOf, replay, type StoredAnswer } from './stored-answer.js';

/** What the policy needs. */
export interface CachePolicyParts {
  readonly tiers: AnswerTiers;
  readonly invalidations: Invalidations;
  readonly coalescer: Coalescer;
  readonly turns: ReplicaTurns;
  readonly revalidation: Revalidation;
  readonly config: Pick<CacheConfig, 'maxAnswerBytes' | 'longestCallerTtlMs'>;
  readonly schemaOf: SchemaOf;
  readonly clock: Clock;
  readonly random: Random;
}

/** Share of its time that is taken off an answer's at most, so that answers of one moment do not end in one. */
const JITTER = 0.1;

/** Reasons for which a stale answer is better than none: nobody answers, and the caller can do nothing about it. */
const OUTAGES: ReadonlySet<Reason> = new Set([
  'EMPTY_RESPONSE',
  'UPSTREAM_RATE_LIMITED',
  'UPSTREAM_QUOTA_EXHAUSTED',
  'UPSTREAM_OVERLOADED',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_AUTH',
  'UPSTREAM_PROTOCOL',
  'NO_TARGET',
  'DEADLINE_EXCEEDED',
]);

/** A call on its way through the cache. */
interface Asking {
  readonly call: Call;
  readonly next: Next;
  readonly terms: CacheTerms;
  /** Where the log of invalidations stood when the call came. */
  readonly since: InvalidationState;
}

/**
 * Answers calls whose question was answered before, where their task or they themselves want that, and stores what the
 * others come to. What is wrong with the stores is a miss. A stored answer costs nothing: no attempt, no quota, and its
 * tokens are told but not counted as used.
 */
export class CachePolicy implements Policy {
  readonly name = 'cache';

  constructor(private readonly parts: CachePolicyParts) {}

  async apply(call: Call, next: Next): Promise<Generation> {
    const { config, invalidations, schemaOf } = this.parts;
    const terms = cacheTermsOf(call, config.longestCallerTtlMs, schemaOf);
    if (terms === undefined || terms === 'bypass') {
      if (call.cache?.onlyIfCached === true) throw nothingStored();
      if (terms === 'bypass') call.record.cache = { state: 'bypass' };
      return next(call);
    }
    const asking: Asking = { call, next, terms, since: await invalidations.stamp() };
    const found = terms.directives.forceRefresh === true ? undefined : await this.#found(asking);
    const freshness = found && freshnessOf(found.answer, this.parts.clock.wallMs());
    switch (freshness) {
      case 'fresh':
        return this.#replayed(asking, found!, 'hit');
      case 'revalidate':
        this.#revalidate(asking);
        return this.#replayed(asking, found!, 'stale');
      case 'if-error':
      case 'gone':
      case undefined:
        break;
    }
    if (terms.directives.onlyIfCached === true) throw nothingStored();
    const spare = freshness === 'if-error' ? found : undefined;
    return spare === undefined ? this.#made(asking) : this.#madeOr(asking, spare);
  }

  async #found({ terms: { key, directives } }: Asking): Promise<Found | undefined> {
    const { tiers, clock } = this.parts;
    const found = await tiers.find(key);
    const { maxAgeMs = Infinity } = directives;
    return found === undefined || ageOf(found.answer, clock.wallMs()) > maxAgeMs ? undefined : found;
  }

  /** A new answer, or, in an outage, the one that is past its time. */
  async #madeOr(asking: Asking, spare: Found): Promise<Generation> {
    try {
      const generation = await this.#made(asking);
      if (generation.head.project !== CANNED_PROJECT) return generation;
      await generation.events[Symbol.asyncIterator]().return?.();
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      if (!OUTAGES.has(error.reason) || asking.call.signal.aborted) throw error;
    }
    return this.#replayed(asking, spare, 'stale');
  }

  async #made({ call, next, terms, since }: Asking): Promise<Generation> {
    call.record.cache = { state: 'miss' };
    if (terms.directives.noStore === true) return withState(await next(call), 'miss');
    const start: Next = async (copy) => this.#once({ call: copy, next, terms, since });
    const { generation, joined } = await this.parts.coalescer.join(terms.key, call, start);
    if (joined) call.record.cache = { state: 'coalesced' };
    return generation;
  }

  /** A new answer, or, where the task wants to wait for that, the one that another replica comes to. */
  async #once(asking: Asking): Promise<Generation> {
    const { call, terms } = asking;
    const { key, replicaWaitMs: waitMs, directives } = terms;
    if (waitMs === undefined || directives.forceRefresh === true) return this.#kept(asking);
    const turned = await this.parts.turns.take(key, { waitMs, signal: call.signal }, async () => {
      const found = await this.#found(asking);
      const isFresh = found && freshnessOf(found.answer, this.parts.clock.wallMs()) === 'fresh';
      return isFresh === true ? found : undefined;
    });
    if ('found' in turned) return this.#replayed(asking, turned.found, 'hit');
    try {
      return await this.#kept(asking, () => turned.turn.release());
    } catch (thrown) {
      turned.turn.release();
      throw thrown;
    }
  }

  /** A new answer that is stored when it is whole. `onKept` is called when it is, or will not be. */
  async #kept({ call, next, terms, since }: Asking, onKept?: () => void): Promise<Generation> {
    const { tiers, clock, random, config } = this.parts;
    const { key, lasting, labels } = terms;
    const generation = await next(call);
    const { head } = generation;
    const { project, model, fallback } = head;
    const ttlMs = Math.ceil(lasting.ttlMs * (1 - JITTER * random()));
    const cached: CacheMark = { key, tag: randomUUID(), freshMs: ttlMs };
    let keeping = Promise.resolve();
    const kept = recorded(
      { ...generation, head: { ...head, cache: 'miss', cached } },
      config.maxAnswerBytes,
      (whole) => {
        if (!isStorable(head, whole.chunks, whole.finish, terms)) return;
        call.record.cache = { state: 'miss', stored: true };
        const answer: StoredAnswer = {
          ...lasting,
          ...whole,
          ...since,
          ttlMs,
          tag: cached.tag,
          storedAtMs: clock.wallMs(),
          labels,
          target: { project, model, fallback },
        };
        keeping = tiers.keep(key, answer);
      },
    );
    return onKept === undefined ? kept : settled(kept, () => void keeping.then(onKept));
  }

  #revalidate({ call, next, terms, since }: Asking): void {
    this.parts.revalidation.start(terms.key, call, (again) =>
      this.#kept({ call: again, next, terms, since }),
    );
  }

  #replayed({ call, terms }: Asking, { answer, tier }: Found, state: 'hit' | 'stale'): Generation {
    const ageMs = ageOf(answer, this.parts.clock.wallMs());
    const { record } = call;
    record.cache = { state, tier } satisfies CacheRecord;
    record.payNothing();
    const { structured } = answer.finish;
    if (structured !== undefined) {
      const { value: _value, ...report } = structured;
      record.structured = report;
    }
    const freshMs = Math.max(0, answer.ttlMs - ageMs);
    return replay(answer, call.stream, {
      cache: state,
      cached: { key: terms.key, tag: answer.tag, ageMs, freshMs },
    });
  }
}

function withState(generation: Generation, cache: 'miss'): Generation {
  return { ...generation, head: { ...generation.head, cache } };
}

function nothingStored(): GatewayError {
  return new GatewayError(
    'NO_TARGET',
    'There is no stored answer to this question, and the call asks for no other one.',
    { metadata: { field: 'cache.onlyIfCached' } },
  );
}
