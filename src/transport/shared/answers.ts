import type { Collected } from '../../core/combinators.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { Part } from '../../core/gemini-wire.js';
import type { FinishEvent, Head, StructuredReport } from '../../core/generation.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { candidatesOf, mergeChunks, partsOf } from '../../core/merge-chunks.js';
import type { Usage } from '../../core/usage.js';

/** The gateway's own form of an answer; what does not apply is absent. */
export interface Answer {
  readonly id: string;
  readonly model: string;
  readonly modelVersion?: string;
  readonly text?: string;
  readonly parts?: readonly Part[];
  readonly toolCalls?: readonly JsonValue[];
  /** The document, where the answer was to follow a schema. */
  readonly json?: JsonValue;
  readonly structured?: StructuredReport;
  readonly finishReason: string;
  readonly usage: Usage;
  readonly route: { readonly target: string; readonly attempts: number; readonly fallback: boolean };
  readonly cache: string;
  readonly warnings?: readonly string[];
}

/**
 * The whole answer. Throws SAFETY_BLOCKED, EMPTY_RESPONSE or UPSTREAM_PROTOCOL for an answer that is none: a 200
 * would not be the truth.
 */
export function answerOf(id: string, head: Head, { chunks, finish }: Collected): Answer {
  assertAnswered(finish);
  const parts = partsOf(candidatesOf(mergeChunks(chunks))[0]);
  const text = textOf(parts);
  const toolCalls = parts.flatMap(({ functionCall }) => (functionCall === undefined ? [] : [functionCall]));
  return {
    ...doneOf(id, head, finish),
    ...(text === '' ? {} : { text }),
    parts,
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
  };
}

/** The answer without its text: the last event of a stream. */
export function doneOf(id: string, head: Head, finish: FinishEvent): Answer {
  const warnings = warningsOf(finish);
  const { value: json, ...structured } = finish.structured ?? {};
  return {
    id,
    model: head.model,
    ...(finish.modelVersion === undefined ? {} : { modelVersion: finish.modelVersion }),
    ...(json === undefined ? {} : { json }),
    ...(finish.structured === undefined ? {} : { structured: structured as StructuredReport }),
    finishReason: finish.finishReason,
    usage: finish.usage,
    route: { target: `${head.project}/${head.model}`, attempts: head.attempts, fallback: head.fallback },
    cache: head.cache,
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** Throws where the generation ended without an answer. */
export function assertAnswered(finish: FinishEvent): void {
  const { verdict, finishReason, finishMessage, usage } = finish;
  const metadata = { upstreamReason: finishReason };
  const said = finishMessage === undefined ? '' : ` ${finishMessage}`;
  switch (verdict) {
    case 'ok':
    case 'truncated':
      return;
    case 'blocked':
      throw new GatewayError('SAFETY_BLOCKED', `Google blocked the answer: ${finishReason}.${said}`, {
        metadata,
        usage,
      });
    case 'empty':
      throw new GatewayError('EMPTY_RESPONSE', `The model gave no answer: ${finishReason}.`, {
        metadata,
        usage,
      });
    case 'malformed':
      throw new GatewayError(
        'UPSTREAM_PROTOCOL',
        `The model's answer was malformed: ${finishReason}.${said}`,
        {
          metadata,
          usage,
        },
      );
  }
}

/** What a chunk adds to the answer. `text` is visible text; `part` is there where a part is more than that. */
export interface Delta {
  readonly text?: string;
  readonly part?: Part;
}

/** The deltas of a chunk; empty texts that carry nothing are left out. */
export function deltasOf(value: JsonObject): readonly Delta[] {
  return partsOf(candidatesOf(value)[0]).flatMap(deltasOfPart);
}

function deltasOfPart(part: Part): readonly Delta[] {
  const { text } = part;
  if (text === undefined || part.thought === true) return [{ part }];
  if (Object.keys(part).length > 1) return [text === '' ? { part } : { text, part }];
  return text === '' ? [] : [{ text }];
}

function textOf(parts: readonly Part[]): string {
  return parts
    .map((part) => (typeof part.text === 'string' && part.thought !== true ? part.text : ''))
    .join('');
}

function warningsOf({ verdict, usage, structured }: FinishEvent): string[] {
  const warnings: string[] = [];
  if (structured?.valid === false) {
    warnings.push(
      structured.value === undefined
        ? 'The answer is no valid JSON.'
        : 'The answer does not follow the schema.',
    );
  }
  if (verdict === 'truncated') {
    warnings.push(
      usage.outputTokens === 0
        ? 'Thinking used up maxOutputTokens; there is no visible answer.'
        : 'The answer was cut at its longest allowed length.',
    );
  }
  return warnings;
}

/** The vectors of an embedding answer. */
export function vectorsOf({ chunks }: Collected): readonly JsonValue[] {
  const embeddings = chunks[0]?.value['embeddings'];
  return Array.isArray(embeddings)
    ? embeddings.map((one) => (isJsonObject(one) ? (one['values'] ?? []) : []))
    : [];
}
