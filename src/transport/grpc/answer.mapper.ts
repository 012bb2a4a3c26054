import { fromJson, type JsonValue as ProtoJsonValue } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import type { StructuredReport, Verdict } from '../../core/generation.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import { deltasOf, type Answer, type Delta } from '../shared/answers.js';
import {
  Outcome,
  type GenerateResponse,
  type GenerateStreamResponse,
  type Structured,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { functionCallMessage, partMessage } from './part.mapper.js';
import { int32, usageMessage } from './usage.mapper.js';

/** An answer as a message; its verdict is `ok` or `truncated`, as others are no answer. */
export function answerMessage(answer: Answer, verdict: Verdict): GenerateResponse {
  const { id, model, modelVersion, text, parts, toolCalls, json, finishReason, usage, route, cache } = answer;
  return {
    $typeName: 'gemini_gateway.v1.GenerateResponse',
    id,
    model,
    modelVersion: modelVersion ?? '',
    text: text ?? '',
    parts: parts?.map(partMessage) ?? [],
    toolCalls: toolCalls?.filter(isJsonObject).map(functionCallMessage) ?? [],
    ...(json === undefined ? {} : { json: fromJson(ValueSchema, json as ProtoJsonValue) }),
    finishReason,
    outcome: verdict === 'truncated' ? Outcome.TRUNCATED : Outcome.OK,
    usage: usageMessage(usage),
    route: {
      $typeName: 'gemini_gateway.v1.Route',
      target: route.target,
      attempts: int32(route.attempts),
      fallback: route.fallback,
    },
    cache,
    warnings: [...(answer.warnings ?? [])],
    ...(answer.structured === undefined ? {} : { structured: structuredMessage(answer.structured) }),
  };
}

function structuredMessage({ valid, repaired, reasked, instead, relaxed }: StructuredReport): Structured {
  return {
    $typeName: 'gemini_gateway.v1.Structured',
    valid,
    repaired,
    reasked,
    instead: instead ?? '',
    relaxed: relaxed.map(({ path, keyword }) => ({
      $typeName: 'gemini_gateway.v1.Relaxation',
      path,
      keyword,
    })),
  };
}

/** The messages that a chunk of a streamed answer becomes. */
export function deltaMessages(chunk: JsonObject): readonly GenerateStreamResponse[] {
  return deltasOf(chunk).map(deltaMessage);
}

function deltaMessage({ text, part }: Delta): GenerateStreamResponse {
  return {
    $typeName: 'gemini_gateway.v1.GenerateStreamResponse',
    event: {
      case: 'delta',
      value: {
        $typeName: 'gemini_gateway.v1.Delta',
        text: text ?? '',
        ...(part === undefined ? {} : { part: partMessage(part) }),
      },
    },
  };
}

/** The last message of a streamed answer. */
export function doneMessage(answer: Answer, verdict: Verdict): GenerateStreamResponse {
  return {
    $typeName: 'gemini_gateway.v1.GenerateStreamResponse',
    event: { case: 'done', value: answerMessage(answer, verdict) },
  };
}
