import type { GenerationConfig } from '../../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { AskedModel } from '../shared/asked-models.js';
import { assembled, type MappedRequest } from './chat-request.mapper.js';
import {
  addFormat,
  addLogprobs,
  addSampling,
  NO_COUNTERPART,
  topLogprobsAt,
} from './generation-config.mapper.js';
import {
  assertFields,
  type FieldRules,
  integerAt,
  invalid,
  listAt,
  mapped,
  objectAt,
  only,
  present,
  refused,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { toConversation } from './responses-input.mapper.js';
import { toThinking } from '../shared/thinking.mapper.js';
import { toTools } from './tools.mapper.js';

const NOTHING_STORED = 'no responses are stored; send the whole conversation as `input`';
const MAX_TOKENS = 2_147_483_647;

/** Every field of a response. `docs/openai.md` says the same in a table, and a test compares them. */
export const RESPONSE_FIELDS: FieldRules = new Map([
  ...mapped('input', 'instructions', 'model', 'stream', 'stream_options'),
  ...mapped('tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning', 'include', 'top_logprobs'),
  ...mapped('temperature', 'top_p', 'max_output_tokens', 'service_tier'),
  ...mapped('metadata', 'user', 'safety_identifier', 'prompt_cache_key'),
  ...NO_COUNTERPART,
  ['access_programs', refused('the gateway knows no such programs')],
  ['background', only([false], NOTHING_STORED)],
  ['context_management', refused('contexts are not compacted')],
  ['conversation', refused(NOTHING_STORED)],
  ['image', refused('images are sent as they are')],
  ['max_tool_calls', refused('tools are not called on the model’s behalf')],
  ['previous_response_id', refused(NOTHING_STORED)],
  ['prompt', refused('no prompts are kept for this API')],
  ['store', only([false], NOTHING_STORED)],
  ['truncation', only(['disabled'], 'conversations are not cut')],
]);

const REASONING_FIELDS: FieldRules = new Map([
  ...mapped('effort', 'summary', 'generate_summary'),
  ['context', only(['auto'], 'what the model sees of earlier thoughts is its own business')],
  ['mode', only(['standard'], 'the model thinks in one way')],
]);

const TEXT_FIELDS: FieldRules = new Map([
  ...mapped('format'),
  ['verbosity', only(['medium'], 'the model has no such setting')],
]);

const SUMMARIES = ['auto', 'concise', 'detailed'] as const;

/** What of a request decides how its answer is written. */
export interface ResponseWishes {
  /** The signatures of calls are wanted in items of reasoning. */
  readonly sealedReasoning: boolean;
}

/** A response as a request of Gemini's. Throws INVALID_REQUEST that names the field. */
export function toGeminiRequest(
  body: JsonObject,
  models: readonly AskedModel[],
  reads?: (url: URL) => boolean,
): MappedRequest {
  assertFields(body, RESPONSE_FIELDS);
  const conversation = toConversation(body['instructions'], body['input'], reads);
  const config: GenerationConfig = {};
  addSampling(config, body);
  const maxTokens = present(body['max_output_tokens']);
  if (maxTokens !== undefined)
    config.maxOutputTokens = integerAt(maxTokens, 'max_output_tokens', 1, MAX_TOKENS);
  addText(config, present(body['text']));
  addReasoning(config, present(body['reasoning']), models);
  addIncluded(config, body);
  return { conversation, request: assembled(body, conversation, toTools(body, 'flat'), config) };
}

/** What is wanted of the answer beside itself. */
export function wishesOf(body: JsonObject): ResponseWishes {
  return { sealedReasoning: includedOf(body).includes('reasoning.encrypted_content') };
}

function addText(config: GenerationConfig, value: JsonValue | undefined): void {
  if (value === undefined) return;
  const text = objectAt(value, 'text');
  assertFields(text, TEXT_FIELDS, 'text');
  const format = present(text['format']);
  if (format !== undefined) addFormat(config, objectAt(format, 'text.format'), 'text.format', 'flat');
}

function addReasoning(
  config: GenerationConfig,
  value: JsonValue | undefined,
  models: readonly AskedModel[],
): void {
  if (value === undefined) return;
  const reasoning = objectAt(value, 'reasoning');
  assertFields(reasoning, REASONING_FIELDS, 'reasoning');
  const thinking: JsonObject = {};
  const effort = present(reasoning['effort']);
  if (effort !== undefined) Object.assign(thinking, toThinking(effort, 'reasoning.effort', models));
  for (const name of ['summary', 'generate_summary'] as const) {
    const summary = present(reasoning[name]);
    if (summary === undefined) continue;
    // How long a summary is, the model decides.
    wordAt(summary, `reasoning.${name}`, SUMMARIES);
    thinking['includeThoughts'] = true;
  }
  if (Object.keys(thinking).length > 0) config.thinkingConfig = thinking;
}

function addIncluded(config: GenerationConfig, body: JsonObject): void {
  const wanted = includedOf(body).includes('message.output_text.logprobs');
  const top = present(body['top_logprobs']);
  if (top !== undefined && !wanted)
    throw invalid('top_logprobs', 'needs "message.output_text.logprobs" in "include"');
  if (wanted) addLogprobs(config, top === undefined ? 0 : topLogprobsAt(top, 'top_logprobs'));
}

const INCLUDED = ['message.output_text.logprobs', 'reasoning.encrypted_content'] as const;

function includedOf(body: JsonObject): readonly (typeof INCLUDED)[number][] {
  const given = present(body['include']);
  if (given === undefined) return [];
  return listAt(given, 'include').map((item, index) => {
    const name = textAt(item, `include[${index}]`);
    const known = INCLUDED.find((one) => one === name);
    if (known === undefined) throw unsupported(`include[${index}]`, `only ${INCLUDED.join(', ')} can be had`);
    return known;
  });
}
