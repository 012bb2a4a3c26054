import type { GenerationConfig } from '../../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { AskedModel } from '../shared/asked-models.js';
import type { Conversation } from '../shared/conversation.js';
import {
  assertFields,
  booleanAt,
  type FieldRules,
  integerAt,
  invalid,
  listAt,
  mapped,
  numberAt,
  objectAt,
  only,
  present,
  refused,
  someTextAt,
  wordAt,
} from '../shared/request-fields.js';
import { CACHE_CONTROL } from './cache-control.js';
import { toConversation } from './messages.mapper.js';
import { toThinkingConfig } from './thinking-config.mapper.js';
import { addTools } from './tools.mapper.js';

const MAX_STOPS = 5;
const MAX_INT32 = 2_147_483_647;

/** Fields of a message and of the question of its tokens. */
const SHARED_FIELDS: FieldRules = new Map([
  ...mapped('model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'),
  ['cache_control', CACHE_CONTROL],
  ['speed', only(['standard'], 'no model has another speed')],
  ['user_profile_id', refused('there are no profiles; `metadata.user_id` names the user')],
  ['workspace_id', refused('the key tells who calls')],
]);

/** Every field of a message. `docs/anthropic.md` says the same in a table, and a test compares them. */
export const MESSAGE_FIELDS: FieldRules = new Map([
  ...SHARED_FIELDS,
  ...mapped('max_tokens', 'stream', 'stop_sequences', 'temperature', 'top_p', 'top_k'),
  ...mapped('metadata', 'service_tier'),
  ['container', refused('there are no containers')],
  ['diagnostics', refused('prompts are cached by Google, which tells nothing of it')],
  ['thread', refused('nothing is kept from one request to the next; send the whole conversation')],
  ['inference_geo', refused('where a call may go is in the configuration of its task')],
]);

/** Every field of the question of a message's tokens. */
export const COUNT_FIELDS: FieldRules = SHARED_FIELDS;

const OUTPUT_FIELDS = mapped('effort', 'format');
const FORMAT_FIELDS = mapped('type', 'schema');

/** A request in Gemini's own shape, before signatures are put back into `conversation`. */
export interface MappedRequest {
  readonly request: JsonObject;
  readonly conversation: Conversation;
}

/** A message as a request of Gemini's. Throws INVALID_REQUEST that names the field. */
export function toGeminiRequest(
  body: JsonObject,
  models: readonly AskedModel[],
  reads?: (url: URL) => boolean,
): MappedRequest {
  assertFields(body, MESSAGE_FIELDS);
  const config: GenerationConfig = {
    maxOutputTokens: integerAt(required(body, 'max_tokens'), 'max_tokens', 1, MAX_INT32),
  };
  addSampling(config, body);
  const mapped = toRequest(body, config, models, reads);
  const tier = present(body['service_tier']);
  if (tier !== undefined && wordAt(tier, 'service_tier', ['auto', 'standard_only'] as const) !== 'auto')
    mapped.request['serviceTier'] = 'standard';
  return mapped;
}

/** The question of how many tokens a message has. */
export function toCountRequest(
  body: JsonObject,
  models: readonly AskedModel[],
  reads?: (url: URL) => boolean,
): MappedRequest {
  assertFields(body, COUNT_FIELDS);
  const { request, conversation } = toRequest(body, {}, models, reads);
  return { request: { generateContentRequest: request }, conversation };
}

/** Whether the answer is to be streamed. */
export function isStreamed(body: JsonObject): boolean {
  const stream = present(body['stream']);
  return stream !== undefined && booleanAt(stream, 'stream');
}

function toRequest(
  body: JsonObject,
  config: GenerationConfig,
  models: readonly AskedModel[],
  reads?: (url: URL) => boolean,
): MappedRequest {
  const conversation = toConversation(body, reads);
  const { contents, system } = conversation;
  const request: JsonObject = { contents };
  if (system.length > 0) request['systemInstruction'] = { parts: system };
  addTools(request, body);
  const output = outputOf(body);
  const format = present(output['format']);
  if (format !== undefined) addFormat(config, objectAt(format, 'output_config.format'));
  const thinking = toThinkingConfig(body, present(output['effort']), models);
  if (thinking !== undefined && Object.keys(thinking).length > 0) config.thinkingConfig = thinking;
  if (Object.keys(config).length > 0) request['generationConfig'] = config;
  return { request, conversation };
}

function addSampling(config: GenerationConfig, body: JsonObject): void {
  const temperature = present(body['temperature']);
  if (temperature !== undefined) config.temperature = numberAt(temperature, 'temperature', 0, 2);
  const topP = present(body['top_p']);
  if (topP !== undefined) config.topP = numberAt(topP, 'top_p', 0, 1);
  const topK = present(body['top_k']);
  if (topK !== undefined) config.topK = integerAt(topK, 'top_k', 1, MAX_INT32);
  const stops = present(body['stop_sequences']);
  if (stops !== undefined) addStops(config, listAt(stops, 'stop_sequences'));
}

function addStops(config: GenerationConfig, given: readonly JsonValue[]): void {
  const stops = given.map((item, index) => someTextAt(item, `stop_sequences[${index}]`));
  if (stops.length > MAX_STOPS) throw invalid('stop_sequences', `must hold at most ${MAX_STOPS} sequences`);
  if (stops.length > 0) config.stopSequences = stops;
}

function outputOf(body: JsonObject): JsonObject {
  const given = present(body['output_config']);
  if (given === undefined) return {};
  const output = objectAt(given, 'output_config');
  assertFields(output, OUTPUT_FIELDS, 'output_config');
  return output;
}

function addFormat(config: GenerationConfig, format: JsonObject): void {
  const path = 'output_config.format';
  wordAt(format['type'], `${path}.type`, ['json_schema'] as const);
  assertFields(format, FORMAT_FIELDS, path);
  config.responseMimeType = 'application/json';
  config.responseJsonSchema = objectAt(format['schema'], `${path}.schema`);
}

function required(body: JsonObject, name: string): Exclude<JsonValue, null> {
  const value = present(body[name]);
  if (value === undefined) throw invalid(name, 'is missing');
  return value;
}
