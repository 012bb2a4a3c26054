import type { JsonObject } from '../../core/json.js';
import type { ModelCatalog } from '../../routing/model-catalog.js';

/** All that can be asked for by the field `model`: the models, then the tasks with their prefix. */
export function modelList(catalog: Pick<ModelCatalog, 'overview'>): JsonObject {
  const { models, tasks } = catalog.overview();
  return {
    object: 'list',
    data: [
      ...models.map(({ id }) => entry(id, 'google')),
      ...tasks.map(({ id }) => entry(`task:${id}`, 'gateway')),
    ],
  };
}

/** One of them; undefined where there is no such name. */
export function modelOf(catalog: Pick<ModelCatalog, 'overview'>, name: string): JsonObject | undefined {
  const { models, tasks } = catalog.overview();
  if (name.startsWith('task:'))
    return tasks.some(({ id }) => `task:${id}` === name) ? entry(name, 'gateway') : undefined;
  return models.some(({ id }) => id === name) ? entry(name, 'google') : undefined;
}

/** When a model was made is not known here; the field may not be absent. */
function entry(id: string, owner: string): JsonObject {
  return { id, object: 'model', created: 0, owned_by: owner };
}
