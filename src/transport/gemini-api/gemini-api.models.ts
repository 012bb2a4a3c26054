import type { JsonObject } from '../../core/json.js';
import type { CatalogModel } from '../../routing/model-catalog.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 1_000;

/** A model as Google's `models` resource. */
export function modelResource(model: CatalogModel): JsonObject {
  const embeds = model.outputModalities.length === 0;
  return {
    name: `models/${model.id}`,
    baseModelId: model.id,
    displayName: model.id,
    inputTokenLimit: model.contextTokens,
    outputTokenLimit: model.maxOutputTokens,
    supportedGenerationMethods: embeds
      ? ['embedContent', 'batchEmbedContents', 'countTokens']
      : ['generateContent', 'streamGenerateContent', 'countTokens'],
  };
}

/** A page of models; the token is the place where the next page begins. */
export function modelPage(
  models: readonly CatalogModel[],
  pageSize: unknown,
  pageToken: unknown,
): JsonObject {
  const size = Math.min(Math.max(1, Math.trunc(Number(pageSize)) || DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE);
  const start = Math.max(0, Math.trunc(Number(pageToken)) || 0);
  const end = start + size;
  return {
    models: models.slice(start, end).map(modelResource),
    ...(end < models.length ? { nextPageToken: String(end) } : {}),
  };
}
