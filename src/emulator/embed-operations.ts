import type { Content } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { PlainAnswer } from './counting.js';
import { DEFAULT_DIMENSIONS, embeddingOf } from './embedding.js';
import { invalidArgument, type Refusal } from './google-errors.js';
import { readPrompt } from './prompt.js';
import { checkShape } from './request-checks.js';
import type { Api } from './usage.js';

/** embedContent: one text or one multimodal content. */
export function embedContent(request: JsonObject, api: Api): PlainAnswer | Refusal {
  const made = embedded([request]);
  if ('status' in made) return made;
  const usageMetadata = { promptTokenCount: made.prompt.tokens, promptTokensDetails: made.prompt.details };
  const embedding = { values: made.vectors[0] ?? [] };
  const extra = api === 'vertex' ? { truncated: false } : {};
  return { prompt: made.prompt, body: { embedding, usageMetadata, ...extra } };
}

/** batchEmbedContents: up to 100 requests of the former kind. */
export function batchEmbedContents(request: JsonObject): PlainAnswer | Refusal {
  const requests = request.requests;
  if (!Array.isArray(requests) || requests.length === 0)
    return invalidArgument('* BatchEmbedContentsRequest.requests: requests is not specified\n');
  if (requests.length > MOST_REQUESTS)
    return invalidArgument(
      `* BatchEmbedContentsRequest.requests: at most ${MOST_REQUESTS} requests can be in one batch\n`,
    );
  const made = embedded(requests);
  if ('status' in made) return made;
  return {
    prompt: made.prompt,
    body: {
      embeddings: made.vectors.map((values) => ({ values })),
      usageMetadata: { promptTokenCount: made.prompt.tokens, promptTokensDetails: made.prompt.details },
    },
  };
}

/** Vertex `:predict` of the older embedding models. */
export function predict(request: JsonObject): PlainAnswer | Refusal {
  const { instances, parameters } = request;
  if (!Array.isArray(instances) || instances.length === 0)
    return invalidArgument('Invalid value: instances must not be empty.');
  const outputDimensionality = isJsonObject(parameters) ? parameters.outputDimensionality : undefined;
  const requests = instances.map((instance): JsonObject => {
    const text = isJsonObject(instance) ? instance.content : instance;
    return { content: { parts: [{ text: text ?? '' }] }, outputDimensionality };
  });
  const made = embedded(requests);
  if ('status' in made) return made;
  const predictions = made.vectors.map((values, index) => ({
    embeddings: { values, statistics: { token_count: made.tokens[index] ?? 0, truncated: false } },
  }));
  const metadata = { billableCharacterCount: made.prompt.tokens * 4 };
  return { prompt: made.prompt, body: { predictions, metadata } };
}

const MOST_REQUESTS = 100;

interface Embedded {
  readonly vectors: number[][];
  readonly tokens: number[];
  readonly prompt: PlainAnswer['prompt'];
}

function embedded(requests: readonly JsonValue[]): Embedded | Refusal {
  const contents: Content[] = [];
  const vectors: number[][] = [];
  for (const request of requests) {
    if (!isJsonObject(request)) return invalidArgument('Invalid value: each request must be an object.');
    const content = request.content;
    if (content === undefined)
      return invalidArgument('* EmbedContentRequest.content: content is not specified\n');
    const fault = checkShape({ contents: [content as Content] });
    if (fault !== undefined) return fault;
    const dimensions = dimensionsOf(request);
    if (dimensions === undefined)
      return invalidArgument(
        `* EmbedContentRequest.output_dimensionality: must be from 1 to ${DEFAULT_DIMENSIONS}\n`,
      );
    contents.push(content as Content);
    vectors.push(embeddingOf(content as Content, dimensions));
  }
  return {
    vectors,
    tokens: contents.map((content) => readPrompt({ contents: [content] }).tokens),
    prompt: readPrompt({ contents }),
  };
}

function dimensionsOf(request: JsonObject): number | undefined {
  const config = isJsonObject(request.embedContentConfig) ? request.embedContentConfig : request;
  const asked = config.outputDimensionality ?? DEFAULT_DIMENSIONS;
  const valid =
    typeof asked === 'number' && Number.isInteger(asked) && asked >= 1 && asked <= DEFAULT_DIMENSIONS;
  return valid ? asked : undefined;
}
