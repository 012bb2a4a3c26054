import type { IncomingHttpHeaders } from 'node:http';
import type { CallMetadata } from '../../core/call.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { RouteCall } from '../http/call-entry.js';
import { askedOf, headerWord, idAt, patienceOf } from '../shared/call-options.js';
import { invalid, objectAt, present, textAt } from '../shared/request-fields.js';

const MAX_TAGS = 16;
const MAX_TAG_NAME = 64;
const MAX_TAG_VALUE = 512;
const WORD = /^[\w.:-]{1,64}$/;

/** What a request says about the call, beside what is asked. */
export type CallOptions = Pick<RouteCall, 'task' | 'model' | 'timeoutMs' | 'metadata'>;

/**
 * Model and task, end user, conversation, feature and tags: from the body, else from the headers that the Gemini
 * surface takes as well.
 */
export function callOptions(body: JsonObject, headers: IncomingHttpHeaders): CallOptions {
  return {
    ...askedOf(present(body['model']), headers),
    ...patienceOf(headers),
    metadata: metadataOf(body, headers),
  };
}

function metadataOf(body: JsonObject, headers: IncomingHttpHeaders): CallMetadata {
  const { feature: named, ...tags } = tagsOf(present(body['metadata']));
  if (named !== undefined && !WORD.test(named))
    throw invalid('metadata.feature', 'must hold letters, digits, "_", ".", ":" and "-", at most 64');
  const feature = named ?? headerWord(headers, 'x-gateway-feature');
  const user = userOf(body) ?? headerWord(headers, 'x-gateway-user');
  const cacheKey = present(body['prompt_cache_key']);
  const conversation =
    headerWord(headers, 'x-gateway-conversation') ??
    (cacheKey === undefined ? undefined : idAt(cacheKey, 'prompt_cache_key'));
  return {
    ...(feature === undefined ? {} : { feature }),
    ...(user === undefined ? {} : { user }),
    ...(conversation === undefined ? {} : { conversation }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
}

function userOf(body: JsonObject): string | undefined {
  const old = present(body['user']);
  const current = present(body['safety_identifier']);
  if (old !== undefined && current !== undefined && old !== current)
    throw invalid('user', 'names another user than "safety_identifier"');
  if (current !== undefined) return idAt(current, 'safety_identifier');
  return old === undefined ? undefined : idAt(old, 'user');
}

function tagsOf(value: JsonValue | undefined): Record<string, string> {
  if (value === undefined) return {};
  const entries = Object.entries(objectAt(value, 'metadata'));
  if (entries.length > MAX_TAGS) throw invalid('metadata', `must hold at most ${MAX_TAGS} pairs`);
  const tags: [string, string][] = entries.map(([name, tag]) => {
    const path = `metadata.${name.slice(0, MAX_TAG_NAME)}`;
    if (name.length > MAX_TAG_NAME)
      throw invalid(path, `must have a name of at most ${MAX_TAG_NAME} characters`);
    const text = textAt(tag, path);
    if (text.length > MAX_TAG_VALUE) throw invalid(path, `must have at most ${MAX_TAG_VALUE} characters`);
    return [name, text];
  });
  return Object.fromEntries(tags);
}
