import type { GenerationConfig } from '../../core/gemini-wire.js';
import type { JsonObject } from '../../core/json.js';
import type { AskedModel } from '../shared/asked-models.js';
import { toConversation } from './chat-messages.mapper.js';
import type { Conversation } from '../shared/conversation.js';
import { addChatSettings, NO_COUNTERPART, serviceTierOf } from './generation-config.mapper.js';
import { googleFieldsOf, mergeGoogleFields } from './google-fields.mapper.js';
import {
  assertFields,
  booleanAt,
  type FieldRules,
  invalid,
  mapped,
  objectAt,
  only,
  present,
  refused,
} from '../shared/request-fields.js';
import { toThinking } from '../shared/thinking.mapper.js';
import { type MappedTools, toTools } from './tools.mapper.js';

/** Every field of a chat completion. `docs/openai.md` says the same in a table, and a test compares them. */
export const CHAT_FIELDS: FieldRules = new Map([
  ...mapped('messages', 'model', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls'),
  ...mapped('temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'seed', 'n', 'stop'),
  ...mapped('max_tokens', 'max_completion_tokens', 'logprobs', 'top_logprobs', 'response_format'),
  ...mapped('reasoning_effort', 'service_tier'),
  ...mapped('metadata', 'user', 'safety_identifier', 'prompt_cache_key'),
  ...NO_COUNTERPART,
  ['audio', refused('answers are text; `google.response_modalities` asks for more')],
  ['function_call', refused('send `tool_choice`')],
  ['functions', refused('send `tools`')],
  ['logit_bias', only([{}], 'the model knows no biases of tokens')],
  ['modalities', only([['text']], 'answers are text; `google.response_modalities` asks for more')],
  ['prediction', refused('the model takes no predicted output')],
  ['store', only([false], 'no answers are stored')],
  ['verbosity', only(['medium'], 'the model has no such setting')],
  ['web_search_options', refused('`google.tools` with `googleSearch` searches the web')],
]);

/** Fields of `stream_options` that both of OpenAI's APIs have. */
export const NO_PADDING: FieldRules = new Map([
  ['include_obfuscation', only([false], 'streams are not padded')],
]);
const STREAM_FIELDS: FieldRules = new Map([...mapped('include_usage'), ...NO_PADDING]);

/** A request in Gemini's own shape, before signatures are put back into `conversation`. */
export interface MappedRequest {
  readonly request: JsonObject;
  readonly conversation: Conversation;
}

/** A chat completion as a request of Gemini's. Throws INVALID_REQUEST that names the field. */
export function toGeminiRequest(
  body: JsonObject,
  models: readonly AskedModel[],
  reads?: (url: URL) => boolean,
): MappedRequest {
  assertFields(body, CHAT_FIELDS);
  const conversation = toConversation(body['messages'], reads);
  const config: GenerationConfig = {};
  addChatSettings(config, body);
  const effort = present(body['reasoning_effort']);
  if (effort !== undefined) config.thinkingConfig = toThinking(effort, 'reasoning_effort', models);
  return { conversation, request: assembled(body, conversation, toTools(body, 'nested'), config) };
}

/** A request from its parts, with Gemini's own fields of the body merged in. */
export function assembled(
  body: JsonObject,
  { contents, system }: Conversation,
  { declarations, calling }: MappedTools,
  config: GenerationConfig,
): JsonObject {
  const request: JsonObject = { contents };
  if (system.length > 0) request['systemInstruction'] = { parts: system };
  if (declarations.length > 0) request['tools'] = [{ functionDeclarations: [...declarations] }];
  if (calling !== undefined) request['toolConfig'] = { functionCallingConfig: calling };
  const given = present(body['service_tier']);
  const tier = given === undefined ? undefined : serviceTierOf(given);
  if (tier !== undefined) request['serviceTier'] = tier;
  if (Object.keys(config).length > 0) request['generationConfig'] = config;
  const google = googleFieldsOf(body);
  if (google !== undefined) mergeGoogleFields(request, google);
  return request;
}

/** How the answer is to be streamed; undefined for a whole one. */
export function streamingOf(body: JsonObject): { readonly includeUsage: boolean } | undefined {
  const options = streamOptionsOf(body, STREAM_FIELDS);
  const usage = present(options?.['include_usage']);
  return options && { includeUsage: usage !== undefined && booleanAt(usage, 'stream_options.include_usage') };
}

/** `stream_options`, empty where there are none; undefined where the answer is not to be streamed. */
export function streamOptionsOf(body: JsonObject, fields: FieldRules): JsonObject | undefined {
  const stream = present(body['stream']);
  const streams = stream !== undefined && booleanAt(stream, 'stream');
  const given = present(body['stream_options']);
  if (given === undefined) return streams ? {} : undefined;
  if (!streams) throw invalid('stream_options', 'needs "stream": true beside it');
  const options = objectAt(given, 'stream_options');
  assertFields(options, fields, 'stream_options');
  return options;
}
