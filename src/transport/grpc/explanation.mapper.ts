import { create, type JsonObject as ProtoJsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { AttemptRecord } from '../../core/call-record.js';
import type { Explanation } from '../../telemetry/explanations.js';
import {
  ExplainResponseSchema,
  type AttemptSchema,
  type ExplainResponse,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { int32, usageMessage } from './usage.mapper.js';

/** Why a call went as it did, as a message. What has no field of its own is in `extra`. */
export function explanationMessage(explanation: Explanation): ExplainResponse {
  const { id, surface, operation, task, model, configVersion, plan, skipped, attempts, ...rest } =
    explanation;
  const { target, outcome, finishReason, usage, ...others } = rest;
  return create(ExplainResponseSchema, {
    id,
    surface,
    operation,
    ...(task === undefined ? {} : { task }),
    ...(model === undefined ? {} : { model }),
    configVersion: int32(configVersion),
    plan: [...plan],
    skipped: [...skipped],
    attempts: attempts.map(attemptInit),
    ...(target === undefined ? {} : { target }),
    outcome,
    ...(finishReason === undefined ? {} : { finishReason }),
    usage: usageMessage(usage),
    ...extraInit(others),
  });
}

function attemptInit(attempt: AttemptRecord): MessageInitShape<typeof AttemptSchema> {
  const { target, afterMs, tookMs, error, trouble, upstreamReason, retryAfterMs, usage, ...others } = attempt;
  return {
    target,
    afterMs,
    tookMs,
    ...(error === undefined ? {} : { error }),
    ...(trouble === undefined ? {} : { trouble }),
    ...(upstreamReason === undefined ? {} : { upstreamReason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(usage === undefined ? {} : { usage: usageMessage(usage) }),
    ...extraInit(others),
  };
}

function extraInit(others: object): { extra?: ProtoJsonObject } {
  const extra = JSON.parse(JSON.stringify(others)) as ProtoJsonObject;
  return Object.keys(extra).length === 0 ? {} : { extra };
}
