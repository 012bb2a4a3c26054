import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import type { Attempt } from '../../core/provider.js';
import { isJsonObject, type JsonObject } from '../../core/json.js';
import { GatewayError } from '../../core/gateway-error.js';
import {
  GoogleProvider,
  type GoogleBackend,
  type RequestCredentials,
} from '../google-wire/google-provider.js';
import { type AnswerBounds, UpstreamHttp, type UpstreamHttpOptions } from '../http/upstream-http.js';
import { VertexCredentials } from './vertex-credentials.js';
import { fromPredictions, toInstances, usesPredict } from './vertex-embeddings.mapper.js';

/** One Google Cloud project and location on Vertex AI. */
export interface VertexProjectOptions {
  /** Google Cloud project id or number. */
  readonly project: string;
  readonly location: string;
  /** Overrides the endpoint that the location implies. */
  readonly baseUrl?: string;
  /** JSON of a service account key or of a workload identity configuration; absent for the default credentials. */
  readonly credentials?: Credential;
  readonly http: UpstreamHttpOptions;
  readonly bounds: AnswerBounds;
}

const API_VERSION = 'v1beta1';

/** Gemini on Vertex AI with Google Cloud credentials. */
export function vertexProvider(options: VertexProjectOptions, clock: Clock): GoogleProvider {
  const http = new UpstreamHttp(options.baseUrl ?? endpointOf(options.location), options.http);
  return new GoogleProvider(new VertexBackend(options, clock), http, options.bounds, clock);
}

/** The endpoint of a location. Source: Vertex AI "Locations", multi-regions have hosts of their own. */
export function endpointOf(location: string): string {
  if (location === 'global') return 'https://aiplatform.googleapis.com';
  if (location === 'us' || location === 'eu') return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

class VertexBackend implements GoogleBackend {
  readonly probePath = `/${API_VERSION}/publishers/google/models?pageSize=1`;
  readonly #credentials: VertexCredentials;
  readonly #parent: string;

  constructor(options: VertexProjectOptions, clock: Clock) {
    this.#credentials = new VertexCredentials(options.credentials, clock);
    this.#parent = `/${API_VERSION}/projects/${options.project}/locations/${options.location}`;
  }

  path({ operation, model, stream }: Attempt): string {
    const models = `${this.#parent}/publishers/google/models/${encodeURIComponent(model)}`;
    switch (operation) {
      case 'generate':
        return stream ? `${models}:streamGenerateContent?alt=sse` : `${models}:generateContent`;
      case 'count_tokens':
        return `${models}:countTokens`;
      case 'embed':
      case 'batch_embed':
        return usesPredict(model) ? `${models}:predict` : `${models}:embedContent`;
    }
  }

  body(attempt: Attempt): string {
    const { operation, request } = attempt;
    switch (operation) {
      case 'generate':
        return attempt.requestText ?? JSON.stringify(request);
      case 'count_tokens':
        return JSON.stringify(countRequest(request));
      case 'embed':
      case 'batch_embed':
        return JSON.stringify(usesPredict(attempt.model) ? toInstances(attempt) : onlyEmbedRequest(attempt));
    }
  }

  answer(attempt: Attempt, value: JsonObject): JsonObject {
    if (attempt.operation === 'batch_embed' && !usesPredict(attempt.model)) {
      return { ...value, embeddings: [value['embedding'] ?? {}] };
    }
    return isJsonObject(value) && Array.isArray(value['predictions'])
      ? fromPredictions(attempt, value)
      : value;
  }

  credentials(): Promise<RequestCredentials> {
    return this.#credentials.next();
  }

  forwardPath(path: string): string | undefined {
    const resource = /^\/v1(?:beta)?\/(cachedContents(?:[/?].*)?)$/.exec(path)?.[1];
    return resource === undefined ? undefined : `${this.#parent}/${resource}`;
  }
}

/** Vertex takes the fields of the request itself, where the Developer API wraps them. */
function countRequest(request: Readonly<JsonObject>): JsonObject {
  const inner = request['generateContentRequest'];
  if (!isJsonObject(inner)) return request;
  const { model: _, ...rest } = inner;
  return rest;
}

/** The one embedding request, without the model, which Vertex has in the path alone. */
function onlyEmbedRequest({ operation, request }: Attempt): JsonObject {
  const requests = operation === 'embed' ? [request] : request['requests'];
  const only = Array.isArray(requests) && requests.length === 1 ? requests[0] : undefined;
  if (!isJsonObject(only)) {
    throw new GatewayError('INVALID_REQUEST', 'On Vertex AI this model embeds one content per call.', {
      metadata: { field: 'requests' },
    });
  }
  const { model: _, ...rest } = only;
  return rest;
}
