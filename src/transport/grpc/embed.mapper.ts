import type { JsonObject } from '../../core/json.js';
import type { EmbedBody } from '../shared/requests.js';
import { validEmbedBody } from '../shared/request-validation.js';
import type { EmbedRequest } from './gen/gemini_gateway/v1/gateway_pb.js';
import { metadataFields } from './generate-request.mapper.js';

/** What a message asks to embed, checked as every surface's own requests are. Throws INVALID_REQUEST that names the field. */
export function askedToEmbed({
  task,
  model,
  texts,
  taskType,
  dimensions,
  metadata,
}: EmbedRequest): EmbedBody {
  const body: JsonObject = {
    ...(task === '' ? {} : { task }),
    ...(model === '' ? {} : { model }),
    texts,
    ...(taskType === '' ? {} : { taskType }),
    ...(dimensions === undefined ? {} : { dimensions }),
    ...metadataFields(metadata),
  };
  return validEmbedBody(body);
}
