import type { JsonObject } from '../../core/json.js';
import type { CatalogModel, ModelCatalog } from '../../routing/model-catalog.js';

/** When a model was made is not known here; the field may not be absent. */
const UNKNOWN_TIME = '1970-01-01T00:00:00Z';

/** All that can be asked for by the field `model`: the models, then the tasks with their prefix. One page. */
export function modelPage(catalog: Pick<ModelCatalog, 'overview'>): JsonObject {
  const data = infosOf(catalog);
  return {
    data,
    has_more: false,
    first_id: data.at(0)?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
  };
}

/** One of them; undefined where there is no such name. */
export function modelInfo(catalog: Pick<ModelCatalog, 'overview'>, name: string): JsonObject | undefined {
  return infosOf(catalog).find(({ id }) => id === name);
}

function infosOf(catalog: Pick<ModelCatalog, 'overview'>): JsonObject[] {
  const { models, tasks } = catalog.overview();
  return [...models.map((model) => info(model.id, model)), ...tasks.map(({ id }) => info(`task:${id}`))];
}

/** What is not known is null, as it may be there. */
function info(id: string, model?: CatalogModel): JsonObject {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: UNKNOWN_TIME,
    lifecycle: model?.status === 'deprecated' ? 'deprecated' : 'active',
    line: null,
    capabilities: null,
    deprecated_at: null,
    retires_at: null,
    max_input_tokens: model?.contextTokens ?? null,
    max_tokens: model?.maxOutputTokens ?? null,
  };
}
