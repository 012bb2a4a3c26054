import type { PlainAnswer } from './counting.js';
import { invalidArgument, type Refusal } from './google-errors.js';
import { type EmulatedModel, findModel, modelDocument, modelPage } from './models.js';
import { readPrompt } from './prompt.js';
import type { ModelRoute } from './routes.js';
import type { JsonObject } from '../core/json.js';

const DEFAULT_PAGE = 50;
const LARGEST_PAGE = 1000;
const NO_PROMPT = readPrompt({});

/** `GET models`, a page of them, or `GET models/{id}` of a model that exists, on either API. */
export function modelListing(route: ModelRoute): PlainAnswer | Refusal {
  const found = findModel(route.model);
  if (found !== undefined) return { prompt: NO_PROMPT, body: documentOf(found, route) };
  const asked = Number(route.query.get('pageSize') ?? DEFAULT_PAGE);
  if (!Number.isInteger(asked) || asked < 0)
    return invalidArgument("Invalid value at 'page_size' (TYPE_INT32)");
  const pageSize = Math.min(asked === 0 ? DEFAULT_PAGE : asked, LARGEST_PAGE);
  const page = modelPage(pageSize, route.query.get('pageToken') ?? undefined);
  if (page === undefined) return invalidArgument('The provided page token is invalid.');
  const list = page.models.map((each) => documentOf(each, route));
  const body: JsonObject = route.api === 'vertex' ? { publisherModels: list } : { models: list };
  if (page.nextPageToken !== undefined) body.nextPageToken = page.nextPageToken;
  return { prompt: NO_PROMPT, body };
}

function documentOf(model: EmulatedModel, route: ModelRoute): JsonObject {
  return route.api === 'vertex'
    ? { name: `publishers/google/models/${model.id}`, versionId: 'default', launchStage: 'GA' }
    : modelDocument(model);
}
