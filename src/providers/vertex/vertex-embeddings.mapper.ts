import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json.js';
import type { Attempt } from '../../core/provider.js';

/** Whether Vertex serves the model's embeddings by `:predict` (older models) and not by `:embedContent`. */
export function usesPredict(model: string): boolean {
  return /^(?:gemini-embedding-001|text-|multilingual)/.test(model);
}

/** The `:predict` request for one or several embedding requests of the Developer API. */
export function toInstances({ operation, request }: Attempt): JsonObject {
  const requests = operation === 'batch_embed' ? objects(request['requests']) : [request];
  const dimensions = requests[0]?.['outputDimensionality'];
  return {
    instances: requests.map((one) => ({
      content: textOf(one['content']),
      ...(one['taskType'] === undefined ? {} : { task_type: one['taskType'] }),
      ...(one['title'] === undefined ? {} : { title: one['title'] }),
    })),
    ...(dimensions === undefined ? {} : { parameters: { outputDimensionality: dimensions } }),
  };
}

/** The Developer API's answer from a `:predict` answer. Token counts are summed into `usageMetadata`. */
export function fromPredictions({ operation }: Attempt, value: JsonObject): JsonObject {
  const found = objects(value['predictions']).map((one) =>
    isJsonObject(one['embeddings']) ? one['embeddings'] : {},
  );
  const embeddings = found.map((one) => ({ values: one['values'] ?? [] }));
  const tokens = found.map((one) =>
    isJsonObject(one['statistics']) ? Number(one['statistics']['token_count']) : 0,
  );
  const usageMetadata = { promptTokenCount: tokens.reduce((sum, count) => sum + (count || 0), 0) };
  return operation === 'batch_embed'
    ? { embeddings, usageMetadata }
    : { embedding: embeddings[0] ?? { values: [] }, usageMetadata };
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textOf(content: JsonValue | undefined): string {
  const parts = isJsonObject(content) ? objects(content['parts']) : [];
  return parts.map((part) => (typeof part['text'] === 'string' ? part['text'] : '')).join('');
}
