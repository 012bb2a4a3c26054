import { isJsonObject, type JsonObject } from '../../core/json.js';
import { camelCased } from '../http/proto-json.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  mapped,
  objectAt,
  present,
  unsupported,
} from '../shared/request-fields.js';

/** Fields of `generationConfig` that Google's own OpenAI endpoint, or anybody, may write without it around them. */
const SETTINGS: ReadonlySet<string> = new Set([
  'thinkingConfig',
  'topK',
  'mediaResolution',
  'responseModalities',
  'speechConfig',
  'imageConfig',
  'audioTimestamp',
  'enableEnhancedCivicAnswers',
]);

/** What a request is made of here, and belongs to OpenAI's own fields. */
const OWN = ['contents', 'systemInstruction', 'model'] as const;

/** Objects that OpenAI's fields and Gemini's own may both have a part in. */
const MERGED: ReadonlySet<string> = new Set([
  'generationConfig',
  'thinkingConfig',
  'toolConfig',
  'functionCallingConfig',
]);

const EXTRA_FIELDS: FieldRules = mapped('google');

/** Gemini's own fields beside OpenAI's, with the path under which the caller wrote them. */
export interface GoogleFields {
  readonly fields: JsonObject;
  readonly path: string;
}

/**
 * `google`, or `extra_body.google` as Google's documentation writes it, in camelCase and with the fields of
 * `generationConfig` where they belong.
 */
export function googleFieldsOf(body: JsonObject): GoogleFields | undefined {
  const plain = present(body['google']);
  const extra = present(body['extra_body']);
  if (plain === undefined && extra === undefined) return undefined;
  if (plain !== undefined && extra !== undefined)
    throw invalid('extra_body', 'must not stand beside "google"');
  if (plain !== undefined) return lifted(objectAt(plain, 'google'), 'google');
  const around = objectAt(extra, 'extra_body');
  assertFields(around, EXTRA_FIELDS, 'extra_body');
  return lifted(objectAt(around['google'], 'extra_body.google'), 'extra_body.google');
}

/**
 * Adds Gemini's own fields to a request: objects are merged, tools come after the functions, everything else is set.
 * Throws INVALID_REQUEST where a field of OpenAI's has set the same.
 */
export function mergeGoogleFields(request: JsonObject, { fields, path }: GoogleFields): void {
  for (const name of OWN)
    if (fields[name] !== undefined)
      throw unsupported(`${path}.${name}`, 'the request has a field of its own for it');
  const { tools, ...rest } = fields;
  if (tools !== undefined) {
    if (!Array.isArray(tools)) throw invalid(`${path}.tools`, 'must be a list');
    const given = Array.isArray(request['tools']) ? request['tools'] : [];
    request['tools'] = [...given, ...tools];
  }
  merge(request, rest, path);
  const calling = isJsonObject(request['toolConfig'])
    ? request['toolConfig']['functionCallingConfig']
    : undefined;
  if (isJsonObject(calling) && calling['streamFunctionCallArguments'] === true)
    throw unsupported(`${path}.tool_config`, 'calls are streamed whole');
}

function merge(into: JsonObject, from: JsonObject, path: string): void {
  for (const [name, value] of Object.entries(from)) {
    const before = into[name];
    if (before === undefined) into[name] = value;
    else if (MERGED.has(name) && isJsonObject(before) && isJsonObject(value))
      merge(before, value, `${path}.${name}`);
    else throw invalid(`${path}.${name}`, 'is set by another field of the request already');
  }
}

function lifted(google: JsonObject, path: string): GoogleFields {
  const request: JsonObject = {};
  const settings: JsonObject = {};
  for (const [name, value] of Object.entries(google)) {
    if (present(value) === undefined) continue;
    const camel = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (SETTINGS.has(camel)) settings[camel] = value;
    else request[camel] = value;
  }
  if (Object.keys(settings).length > 0) {
    const config = request['generationConfig'];
    request['generationConfig'] = {
      ...(config === undefined ? {} : objectAt(config, `${path}.generation_config`)),
      ...settings,
    };
  }
  return { fields: camelCased(request), path };
}
