import type { JsonObject, JsonValue } from '../../core/json.js';
import type { Attempt } from '../../core/provider.js';
import { toMessages } from './chat-messages.mapper.js';
import { toTools } from './chat-tools.mapper.js';
import { toJsonSchema, withoutOrdering } from './json-schema.mapper.js';
import { allowOnly, objectAt, stringAt, unmappable } from './request-fields.js';

/** Field by which the upstream bounds the answer's length: newer models know only the first, older servers the second. */
export type OutputTokensField = 'max_completion_tokens' | 'max_tokens';

const REQUEST_FIELDS = new Set([
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  // The two that say nothing about the answer.
  'model',
  'labels',
]);

/**
 * A chat completions request from a Gemini request. What has no counterpart is refused by name and never dropped:
 * UNIMPLEMENTED with `metadata.field`.
 */
export function toChatRequest(
  { model, request, stream }: Attempt,
  outputTokensField: OutputTokensField,
): JsonObject {
  allowOnly(request, REQUEST_FIELDS, '');
  return {
    model,
    messages: toMessages(request),
    ...toTools(request),
    ...toSettings(objectAt(request['generationConfig'], 'generationConfig'), outputTokensField),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
}

const SAME_MEANING = {
  temperature: 'temperature',
  topP: 'top_p',
  candidateCount: 'n',
  stopSequences: 'stop',
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
} as const;

const SETTINGS = new Set([
  ...Object.keys(SAME_MEANING),
  'maxOutputTokens',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'thinkingConfig',
]);

function toSettings(config: JsonObject, outputTokensField: OutputTokensField): JsonObject {
  allowOnly(config, SETTINGS, 'generationConfig');
  assertTextOnly(config['responseModalities']);
  const settings: JsonObject = {};
  for (const [name, target] of Object.entries(SAME_MEANING)) settings[target] = config[name];
  settings[outputTokensField] = config['maxOutputTokens'];
  settings['response_format'] = responseFormat(config);
  settings['reasoning_effort'] = reasoningEffort(config['thinkingConfig']);
  return settings;
}

function assertTextOnly(modalities: JsonValue | undefined): void {
  const others = Array.isArray(modalities) && modalities.some((modality) => modality !== 'TEXT');
  if (others) throw unmappable('generationConfig.responseModalities');
}

function responseFormat(config: JsonObject): JsonObject | undefined {
  const mimeType = config['responseMimeType'];
  if (mimeType === undefined || mimeType === 'text/plain') return undefined;
  if (mimeType !== 'application/json') throw unmappable('generationConfig.responseMimeType');
  const schema = withoutOrdering(config['responseJsonSchema']) ?? toJsonSchema(config['responseSchema']);
  return schema === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: { name: 'response', schema } };
}

const EFFORTS: ReadonlyMap<string, string> = new Map([
  ['MINIMAL', 'minimal'],
  ['LOW', 'low'],
  ['MEDIUM', 'medium'],
  ['HIGH', 'high'],
]);

const DYNAMIC_BUDGET = -1;

function reasoningEffort(value: JsonValue | undefined): string | undefined {
  const path = 'generationConfig.thinkingConfig';
  const config = objectAt(value, path);
  allowOnly(config, new Set(['thinkingLevel', 'thinkingBudget', 'includeThoughts']), path);
  if (config['includeThoughts'] === true) throw unmappable(`${path}.includeThoughts`);
  const budget = config['thinkingBudget'];
  if (budget !== undefined && budget !== DYNAMIC_BUDGET) throw unmappable(`${path}.thinkingBudget`);
  const level = config['thinkingLevel'];
  if (level === undefined) return undefined;
  const effort = EFFORTS.get(stringAt(level, `${path}.thinkingLevel`).toUpperCase());
  if (effort === undefined) throw unmappable(`${path}.thinkingLevel`);
  return effort;
}
