import type { GenerationConfig } from '../../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import {
  assertFields,
  booleanAt,
  type FieldRules,
  integerAt,
  invalid,
  listAt,
  MAPPED,
  mapped,
  numberAt,
  objectAt,
  present,
  refused,
  someTextAt,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';

const MAX_STOPS = 5;
const MAX_CANDIDATES = 8;
const MAX_LOGPROBS = 20;
const MAX_INT32 = 2_147_483_647;

const TIERS = ['auto', 'default', 'flex', 'priority', 'fast', 'scale', 'ultrafast'] as const;

const PLAIN_FORMAT = mapped('type');
const NESTED_FORMAT = mapped('type', 'json_schema');
const SCHEMA_FIELDS = mapped('name', 'schema', 'strict', 'description');
const FLAT_FORMAT: FieldRules = new Map([...mapped('type'), ...SCHEMA_FIELDS]);

/** The settings that both of OpenAI's APIs have. */
export function addSampling(config: GenerationConfig, body: JsonObject): void {
  const temperature = present(body['temperature']);
  if (temperature !== undefined) config.temperature = numberAt(temperature, 'temperature', 0, 2);
  const topP = present(body['top_p']);
  if (topP !== undefined) config.topP = numberAt(topP, 'top_p', 0, 1);
}

/** The settings of a chat completion beside those. */
export function addChatSettings(config: GenerationConfig, body: JsonObject): void {
  addSampling(config, body);
  for (const [name, setting] of [
    ['presence_penalty', 'presencePenalty'],
    ['frequency_penalty', 'frequencyPenalty'],
  ] as const) {
    const penalty = present(body[name]);
    if (penalty !== undefined) config[setting] = numberAt(penalty, name, -2, 2);
  }
  const maxTokens = maxTokensOf(body);
  if (maxTokens !== undefined) config.maxOutputTokens = maxTokens;
  const seed = present(body['seed']);
  if (seed !== undefined) config['seed'] = integerAt(seed, 'seed', -MAX_INT32 - 1, MAX_INT32);
  const n = present(body['n']);
  const candidates = n === undefined ? 1 : integerAt(n, 'n', 1, MAX_CANDIDATES);
  if (candidates > 1) config.candidateCount = candidates;
  const stop = present(body['stop']);
  if (stop !== undefined) config.stopSequences = stopsOf(stop);
  addChatLogprobs(config, body);
  const format = present(body['response_format']);
  if (format !== undefined)
    addFormat(config, objectAt(format, 'response_format'), 'response_format', 'nested');
}

/** The form that the answer is to have: text, any JSON, or JSON to a schema. */
export function addFormat(
  config: GenerationConfig,
  format: JsonObject,
  path: string,
  shape: 'nested' | 'flat',
): void {
  const type = wordAt(format['type'], `${path}.type`, ['text', 'json_object', 'json_schema'] as const);
  if (type !== 'json_schema') {
    assertFields(format, PLAIN_FORMAT, path);
    if (type === 'json_object') config.responseMimeType = 'application/json';
    return;
  }
  const nested = shape === 'nested';
  assertFields(format, nested ? NESTED_FORMAT : FLAT_FORMAT, path);
  const at = nested ? `${path}.json_schema` : path;
  const definition = nested ? objectAt(format['json_schema'], at) : format;
  if (nested) assertFields(definition, SCHEMA_FIELDS, at);
  // A label of the caller's own; there is no place for it, and it changes nothing.
  someTextAt(definition['name'], `${at}.name`);
  const strict = present(definition['strict']);
  if (strict !== undefined) booleanAt(strict, `${at}.strict`);
  const schema = objectAt(definition['schema'], `${at}.schema`);
  const description = present(definition['description']);
  config.responseMimeType = 'application/json';
  config.responseJsonSchema =
    description === undefined || schema['description'] !== undefined
      ? schema
      : { ...schema, description: textAt(description, `${at}.description`) };
}

/** Asks for log probabilities, `top` of them for each place. */
export function addLogprobs(config: GenerationConfig, top: number): void {
  config['responseLogprobs'] = true;
  if (top > 0) config['logprobs'] = top;
}

/** How many log probabilities are asked for at each place. */
export function topLogprobsAt(value: JsonValue, path: string): number {
  return integerAt(value, path, 0, MAX_LOGPROBS);
}

/** The tier as Google names it; undefined where the project's own is left. */
export function serviceTierOf(value: JsonValue): string | undefined {
  const tier = wordAt(value, 'service_tier', TIERS);
  switch (tier) {
    case 'auto':
      return undefined;
    case 'default':
      return 'standard';
    case 'flex':
      return 'flex';
    case 'priority':
    case 'fast':
      return 'priority';
    case 'scale':
    case 'ultrafast':
      throw unsupported('service_tier', 'there is no such tier; take default, flex or priority');
  }
}

function maxTokensOf(body: JsonObject): number | undefined {
  const old = present(body['max_tokens']);
  const current = present(body['max_completion_tokens']);
  if (old !== undefined && current !== undefined)
    throw invalid('max_tokens', 'must not stand beside "max_completion_tokens"');
  if (current !== undefined) return integerAt(current, 'max_completion_tokens', 1, MAX_INT32);
  return old === undefined ? undefined : integerAt(old, 'max_tokens', 1, MAX_INT32);
}

function stopsOf(stop: JsonValue): string[] {
  if (typeof stop === 'string') return [someTextAt(stop, 'stop')];
  const stops = listAt(stop, 'stop').map((item, index) => someTextAt(item, `stop[${index}]`));
  if (stops.length > MAX_STOPS) throw invalid('stop', `must hold at most ${MAX_STOPS} sequences`);
  return stops;
}

function addChatLogprobs(config: GenerationConfig, body: JsonObject): void {
  const asked = present(body['logprobs']);
  const top = present(body['top_logprobs']);
  const wanted = asked !== undefined && booleanAt(asked, 'logprobs');
  if (top !== undefined && !wanted) throw invalid('top_logprobs', 'needs "logprobs": true beside it');
  if (wanted) addLogprobs(config, top === undefined ? 0 : topLogprobsAt(top, 'top_logprobs'));
}

/** What no setting of Gemini's does; both APIs have these. */
export const NO_COUNTERPART: FieldRules = new Map([
  ['google', MAPPED],
  ['extra_body', MAPPED],
  ['moderation', refused('the gateway has guardrails of its own')],
  [
    'prompt_cache_options',
    refused('prompts are cached without being asked; `google.cached_content` names one'),
  ],
  ['prompt_cache_retention', refused('how long prompts are cached is not for the caller to say')],
]);
