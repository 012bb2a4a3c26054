import type { CacheDirectives, CallMetadata, Priority, SchemaName } from '../../core/call.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { JsonObject } from '../../core/json.js';

interface MediaInput {
  readonly mimeType: string;
  readonly data?: string;
  readonly uri?: string;
}

interface GenerationInput extends JsonObject {
  thinkingLevel?: string;
  thinkingBudget?: number;
  includeThoughts?: boolean;
}

/** Valid body of `/v1/generate` and, less some fields, of `/v1/count-tokens`. */
export interface GenerateBody {
  readonly task?: string;
  readonly model?: string;
  readonly prompt?: string;
  readonly contents?: JsonObject[];
  readonly system?: string;
  readonly media?: readonly MediaInput[];
  readonly tools?: JsonObject[];
  readonly toolConfig?: JsonObject;
  readonly generation?: GenerationInput;
  readonly schema?: JsonObject;
  /** A schema of the configuration, in place of `schema`. */
  readonly schemaName?: string;
  readonly schemaVersion?: string;
  readonly safetySettings?: JsonObject[];
  readonly cachedContent?: string;
  readonly stream?: boolean;
  readonly priority?: Priority;
  readonly timeoutMs?: number;
  readonly cache?: CacheDirectives;
  readonly feature?: string;
  readonly user?: string;
  readonly conversation?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Valid body of `/v1/embed`. */
export interface EmbedBody {
  readonly task?: string;
  readonly model?: string;
  readonly texts: readonly string[];
  readonly taskType?: string;
  readonly dimensions?: number;
  readonly cache?: CacheDirectives;
  readonly feature?: string;
  readonly user?: string;
  readonly conversation?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The request in Gemini's own shape. */
export function generateRequest(body: GenerateBody): JsonObject {
  const config = generationConfig(body);
  return {
    contents: contentsOf(body),
    ...(body.system === undefined ? {} : { systemInstruction: { parts: [{ text: body.system }] } }),
    ...(body.tools === undefined ? {} : { tools: body.tools }),
    ...(body.toolConfig === undefined ? {} : { toolConfig: body.toolConfig }),
    ...(body.safetySettings === undefined ? {} : { safetySettings: body.safetySettings }),
    ...(body.cachedContent === undefined ? {} : { cachedContent: body.cachedContent }),
    ...(config === undefined ? {} : { generationConfig: config }),
  };
}

/** The question of how many tokens a request has, everything in it included. */
export function countTokensRequest(body: GenerateBody): JsonObject {
  const request = generateRequest(body);
  return Object.keys(request).length === 1 ? request : { generateContentRequest: request };
}

/** One embedding request per text. */
export function embedRequest({ texts, taskType, dimensions }: EmbedBody): JsonObject {
  return {
    requests: texts.map((text) => ({
      content: { parts: [{ text }] },
      ...(taskType === undefined ? {} : { taskType }),
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
    })),
  };
}

/** The configured schema that the body names. Throws INVALID_REQUEST for a version of none. */
export function schemaOf({ schemaName, schemaVersion }: GenerateBody): { schema?: SchemaName } {
  if (schemaName === undefined) {
    if (schemaVersion === undefined) return {};
    throw new GatewayError('INVALID_REQUEST', '"schemaName" is missing beside "schemaVersion".', {
      metadata: { field: 'schemaName' },
    });
  }
  const version = schemaVersion === undefined ? {} : { version: schemaVersion };
  return { schema: { name: schemaName, ...version } };
}

/** What the body says about the call. */
export function metadataOf({
  feature,
  user,
  conversation,
  tags,
}: Pick<GenerateBody, keyof CallMetadata>): CallMetadata {
  return {
    ...(feature === undefined ? {} : { feature }),
    ...(user === undefined ? {} : { user }),
    ...(conversation === undefined ? {} : { conversation }),
    ...(tags === undefined ? {} : { tags }),
  };
}

function contentsOf({ contents, prompt, media }: GenerateBody): JsonObject[] {
  if (contents !== undefined) return contents;
  const parts: JsonObject[] = (media ?? []).map(({ mimeType, data, uri }) =>
    data === undefined
      ? { fileData: { mimeType, ...(uri === undefined ? {} : { fileUri: uri }) } }
      : { inlineData: { mimeType, data } },
  );
  return [{ role: 'user', parts: [...parts, { text: prompt ?? '' }] }];
}

function generationConfig({ generation, schema }: GenerateBody): JsonObject | undefined {
  if (generation === undefined && schema === undefined) return undefined;
  const { thinkingLevel, thinkingBudget, includeThoughts, ...plain } = generation ?? {};
  const thinking: JsonObject = {
    ...(thinkingLevel === undefined ? {} : { thinkingLevel }),
    ...(thinkingBudget === undefined ? {} : { thinkingBudget }),
    ...(includeThoughts === undefined ? {} : { includeThoughts }),
  };
  return {
    ...plain,
    ...(Object.keys(thinking).length === 0 ? {} : { thinkingConfig: thinking }),
    ...(schema === undefined ? {} : { responseMimeType: 'application/json', responseJsonSchema: schema }),
  };
}
