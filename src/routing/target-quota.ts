import { Inject, Injectable } from '@nestjs/common';
import type { Call } from '../core/call.js';
import { Clock } from '../core/clock.js';
import type { GatewayError } from '../core/gateway-error.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { Usage } from '../core/usage.js';
import { costOf } from '../quota/quota-cost.js';
import { QuotaGate, type RefusalCount } from '../quota/quota-gate.js';
import type { QuotaLimits, QuotaUse } from '../quota/quota-ledger.port.js';
import { TokenEstimator, type Estimate, type EstimateError } from '../quota/token-estimator.js';
import type { CandidateQuota, Room } from '../resilience/candidate.js';
import { costBoundNanoUsd } from './cost-bound.js';
import { costNanoUsd } from './cost.js';
import { ModelsConfig, type ModelConfig } from './models.config.js';
import { targetName, type Target } from './target.js';

/** Room in the quotas of targets: what an attempt will need, and what it came to. */
@Injectable()
export class TargetQuota {
  constructor(
    private readonly gate: QuotaGate,
    private readonly estimator: TokenEstimator,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** The quotas of a target for a call; undefined where nothing about it is limited. */
  of(call: Call, target: Target): CandidateQuota | undefined {
    // Google counts tokens for nothing.
    if (!target.upstream || call.operation === 'count_tokens') return undefined;
    const limits = this.gate.limits(target.quota, target.limits);
    if (limits === undefined) return undefined;
    let need: Need | undefined;
    const needed = (): Need => (need ??= this.#need(call, target, limits));
    return {
      cost: () => costOf(needed().use, limits),
      reserve: (aged) => this.#reserve(call, target, needed(), aged),
    };
  }

  /** Learns from a failed attempt, where it failed for a quota of Google's. */
  learn({ quota }: Target, error: GatewayError): void {
    this.gate.learn(quota, error);
  }

  /** How often which quota refused, since the start. */
  refusals(): readonly RefusalCount[] {
    return this.gate.refusals();
  }

  /** How far off estimates of input tokens are, by model. */
  estimateErrors(): readonly EstimateError[] {
    return this.estimator.errors();
  }

  /** What a call needs does not change while it waits. */
  #need(call: Call, target: Target, limits: QuotaLimits): Need {
    const estimate = this.estimator.estimate(target.model, contentsOf(call));
    const wallMs = this.clock.wallMs();
    const model = limits.nanoUsdPerTenMinutes === undefined ? undefined : modelOf(call, target);
    return { limits, estimate, model, wallMs, use: useOf(call, estimate, model, wallMs) };
  }

  async #reserve(call: Call, target: Target, need: Need, aged: boolean): Promise<Room> {
    const { limits, estimate, model, wallMs, use } = need;
    const taken = await this.gate.take({
      target: target.quota,
      limits,
      estimate: use,
      ttlMs: Math.min(target.timeouts.totalMs, call.deadlineMs - this.clock.monotonicMs()),
      priority: call.priority,
      aged,
    });
    const check = { target: targetName(target), limits, estimate: { ...use } };
    if ('refusal' in taken) {
      const { bucket, why, retryAfterMs, lasting } = taken.refusal;
      call.record.checked({ ...check, refusedBy: bucket });
      const notBeforeMs = this.clock.monotonicMs() + retryAfterMs;
      return { refusal: { why, notBeforeMs, kind: lasting ? 'quota' : 'rate' } };
    }
    call.record.checked(check);
    const { hold } = taken;
    return {
      hold: {
        answered: (usage) => {
          this.estimator.observe(target.model, estimate, usage);
          hold.answered(usedOf(usage, model, wallMs));
        },
        failed: (error) => hold.failed(error),
        release: () => hold.release(),
      },
    };
  }
}

/** What a call needs of a target's quotas. */
interface Need {
  readonly limits: QuotaLimits;
  readonly estimate: Estimate;
  readonly model: ModelConfig | undefined;
  readonly wallMs: number;
  readonly use: QuotaUse;
}

/** What an attempt will use, as far as anybody can tell. */
function useOf(
  { request }: Call,
  { inputTokens }: Estimate,
  model: ModelConfig | undefined,
  wallMs: number,
): QuotaUse {
  const config = isJsonObject(request['generationConfig']) ? request['generationConfig'] : {};
  const wanted = config['responseModalities'];
  const wantsImages =
    Array.isArray(wanted) &&
    wanted.some((modality) => typeof modality === 'string' && /^image$/i.test(modality));
  const candidates = typeof config['candidateCount'] === 'number' ? config['candidateCount'] : 1;
  return {
    requests: 1,
    inputTokens,
    images: wantsImages ? Math.max(1, Math.floor(candidates)) : 0,
    nanoUsd: (model && costBoundNanoUsd(request, model, wallMs)) ?? 0,
  };
}

/** What an attempt used: nothing where nobody counted, so that the estimate stays. */
function usedOf(usage: Usage, model: ModelConfig | undefined, wallMs: number): Partial<QuotaUse> {
  if (usage.totalTokens === 0) return {};
  const nanoUsd = model && costNanoUsd(usage, model.prices, wallMs);
  return {
    inputTokens: usage.inputTokens + usage.toolUseTokens,
    ...(nanoUsd === undefined ? {} : { nanoUsd }),
  };
}

function modelOf({ config }: Call, { model }: Target): ModelConfig | undefined {
  const { models } = config.get(ModelsConfig);
  return Object.hasOwn(models, model) ? models[model] : undefined;
}

/** The contents that are read, whatever the operation. */
function contentsOf({ operation, request }: Call): Readonly<JsonObject> {
  switch (operation) {
    case 'generate':
    case 'count_tokens':
      return request;
    case 'embed':
      return { contents: request['content'] ?? null };
    case 'batch_embed': {
      const { requests } = request;
      const all = Array.isArray(requests) ? requests.filter(isJsonObject) : [];
      return { contents: all.map(({ content }) => content ?? null) };
    }
  }
}
