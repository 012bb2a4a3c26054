import { GatewayError } from '../../core/gateway-error.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.js';
import { countTokensRequest, generateRequest, type GenerateBody } from '../shared/requests.js';
import { validCountTokensBody, validGenerateBody } from '../shared/request-validation.js';
import { contentsOf } from './content.mapper.js';
import { enumName } from './enum-name.js';
import {
  ModalitySchema,
  PrioritySchema,
  ThinkingLevelSchema,
  type CallMetadata,
  type GenerateRequest,
  type GenerationConfig,
} from './gen/gemini_gateway/v1/gateway_pb.js';
import { withExtra } from './json-fields.js';

/** What a message asks, checked as every surface's own requests are. */
export interface Asked {
  readonly body: GenerateBody;
  /** The same in Gemini's own shape. */
  readonly request: JsonObject;
}

/** A question to be answered. Throws INVALID_REQUEST that names the field. */
export function askedToGenerate(message: GenerateRequest): Asked {
  const body = validGenerateBody(bodyOf(message));
  return { body, request: withExtras(generateRequest(body), message) };
}

/** A question to be counted. Throws INVALID_REQUEST that names the field. */
export function askedToCount(message: GenerateRequest): Asked {
  const body = validCountTokensBody(bodyOf(message));
  const asIs = countTokensRequest(body);
  const { generateContentRequest } = asIs;
  if (message.extra === undefined && message.generation?.extra === undefined) return { body, request: asIs };
  const inner = generateContentRequest === undefined ? asIs : (generateContentRequest as JsonObject);
  return { body, request: { generateContentRequest: withExtras(inner, message) } };
}

/** The fields of a message that are set, as the body that the other surfaces take. */
function bodyOf(message: GenerateRequest): JsonObject {
  const { tools, toolConfig, generation, schema, safetySettings, contents } = message;
  const body: JsonObject = metadataFields(message.metadata);
  setTexts(body, message, [
    'task',
    'model',
    'prompt',
    'system',
    'cachedContent',
    'schemaName',
    'schemaVersion',
  ]);
  if (contents.length > 0) body['contents'] = contentsOf(contents);
  if (tools.length > 0) body['tools'] = tools;
  if (toolConfig !== undefined) body['toolConfig'] = toolConfig;
  if (generation !== undefined) body['generation'] = generationOf(generation);
  if (schema !== undefined) body['schema'] = schema;
  if (safetySettings.length > 0) body['safetySettings'] = safetySettings;
  const priority = enumName(PrioritySchema, message.priority, 'priority');
  if (priority !== undefined) body['priority'] = priority.toLowerCase();
  return body;
}

/** What a message says about its call. */
export function metadataFields(metadata: CallMetadata | undefined): JsonObject {
  const about: JsonObject = {};
  if (metadata === undefined) return about;
  setTexts(about, metadata, ['feature', 'user', 'conversation']);
  if (Object.keys(metadata.tags).length > 0) about['tags'] = metadata.tags;
  return about;
}

const NUMBERS = [
  'temperature',
  'topP',
  'topK',
  'maxOutputTokens',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'thinkingBudget',
  'includeThoughts',
] as const satisfies (keyof GenerationConfig)[];

function generationOf(config: GenerationConfig): JsonObject {
  const { stopSequences, mediaResolution, responseModalities } = config;
  const generation: JsonObject = {};
  for (const name of NUMBERS) if (config[name] !== undefined) generation[name] = config[name];
  if (stopSequences.length > 0) generation['stopSequences'] = stopSequences;
  if (mediaResolution !== '') generation['mediaResolution'] = mediaResolution;
  const level = enumName(ThinkingLevelSchema, config.thinkingLevel, 'generation.thinking_level');
  if (level !== undefined) generation['thinkingLevel'] = level;
  if (responseModalities.length > 0) {
    generation['responseModalities'] = responseModalities.map((modality, index) => {
      const field = `generation.response_modalities[${index}]`;
      const name = enumName(ModalitySchema, modality, field);
      if (name !== undefined) return name;
      throw new GatewayError('INVALID_REQUEST', `"${field}" must be given.`, { metadata: { field } });
    });
  }
  return generation;
}

function setTexts<M>(body: JsonObject, message: M, names: readonly (keyof M & string)[]): void {
  for (const name of names) {
    const text = message[name];
    if (typeof text === 'string' && text !== '') body[name] = text;
  }
}

function withExtras(request: JsonObject, { extra, generation }: GenerateRequest): JsonObject {
  const configExtra = generation?.extra;
  const typed =
    configExtra === undefined
      ? request
      : {
          ...request,
          generationConfig: withExtra(
            (request['generationConfig'] ?? {}) as JsonObject,
            configExtra,
            'generation',
          ),
        };
  const whole = withExtra(typed, extra, '');
  assertOneAnswer(whole['generationConfig']);
  return whole;
}

/** Of several answers only the first would be told. */
function assertOneAnswer(config: JsonValue | undefined): void {
  const count = isJsonObject(config) ? config['candidateCount'] : undefined;
  if (count === undefined || count === 1) return;
  throw new GatewayError('INVALID_REQUEST', '"candidateCount" must be 1: a call has one answer.', {
    metadata: { field: 'generation.extra.candidateCount' },
  });
}
