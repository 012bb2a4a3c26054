import { GatewayError } from '../../core/gateway-error.js';
import type { GenerationEvent } from '../../core/generation.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import type { Attempt } from '../../core/provider.js';
import { usageFrom } from '../../core/usage.js';
import { parseObject } from '../http/json-object.js';
import { allowOnly, invalid, objectAt, objectsAt, stringAt } from './request-fields.js';

const FIELDS = new Set(['model', 'content', 'outputDimensionality']);

/** An embeddings request, and how many vectors it asks for. */
export interface EmbeddingsRequest {
  readonly body: JsonObject;
  readonly inputs: number;
}

/**
 * An embeddings request from one or several of Gemini's. Throws UNIMPLEMENTED, naming the field, for what has
 * no counterpart, task types among it.
 */
export function toEmbeddingsRequest({ operation, model, request }: Attempt): EmbeddingsRequest {
  const requests: [JsonObject, string][] =
    operation === 'batch_embed' ? objectsAt(request['requests'], 'requests') : [[request, '']];
  const dimensions = requests[0]?.[0]['outputDimensionality'];
  const input = requests.map(([one, path]) => {
    const prefix = path === '' ? '' : `${path}.`;
    allowOnly(one, FIELDS, path);
    if (one['outputDimensionality'] !== dimensions) {
      throw invalid(
        `${prefix}outputDimensionality`,
        'All requests must ask for the same outputDimensionality.',
      );
    }
    return textOf(one['content'], `${prefix}content`);
  });
  const body = {
    model,
    input,
    encoding_format: 'float',
    ...(dimensions === undefined ? {} : { dimensions }),
  };
  return { body, inputs: input.length };
}

/**
 * The events of an embeddings answer, in Gemini's shape. Throws UPSTREAM_PROTOCOL unless there is one vector for
 * each of the `inputs`.
 */
export function embeddingEvents({ operation }: Attempt, inputs: number, text: string): GenerationEvent[] {
  const answer = parseObject(text);
  const data = Array.isArray(answer['data']) ? answer['data'].filter(isJsonObject) : [];
  const embeddings = data
    .toSorted((left, right) => Number(left['index'] ?? 0) - Number(right['index'] ?? 0))
    .map(({ embedding }) => ({ values: embedding }))
    .filter(({ values }) => Array.isArray(values));
  if (embeddings.length !== inputs) {
    throw new GatewayError('UPSTREAM_PROTOCOL', 'The upstream answered with another number of embeddings.');
  }
  const tokens = isJsonObject(answer['usage']) ? answer['usage']['prompt_tokens'] : undefined;
  const usageMetadata = { promptTokenCount: typeof tokens === 'number' ? tokens : 0 };
  const usage = usageFrom(usageMetadata);
  const [embedding] = embeddings;
  const value = operation === 'batch_embed' ? { embeddings, usageMetadata } : { embedding, usageMetadata };
  return [
    { type: 'chunk', value, usage },
    {
      type: 'finish',
      verdict: 'ok',
      finishReason: 'STOP',
      usage,
      ...(typeof answer['model'] === 'string' ? { modelVersion: answer['model'] } : {}),
    },
  ];
}

function textOf(content: JsonValue | undefined, path: string): string {
  return objectsAt(objectAt(content, path)['parts'], `${path}.parts`)
    .map(([part, at]) => {
      allowOnly(part, new Set(['text']), at);
      return stringAt(part['text'], `${at}.text`);
    })
    .join('');
}
