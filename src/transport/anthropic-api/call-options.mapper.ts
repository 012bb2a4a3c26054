import type { IncomingHttpHeaders } from 'node:http';
import type { CallMetadata } from '../../core/call.js';
import type { JsonObject } from '../../core/json.js';
import type { RouteCall } from '../http/call-entry.js';
import { askedOf, headerWord, idAt, patienceOf } from '../shared/call-options.js';
import { assertFields, mapped, objectAt, present, unsupported } from '../shared/request-fields.js';

const METADATA_FIELDS = mapped('user_id');

/** Headers of Anthropic's that ask for something that cannot be had here. */
const REFUSED_HEADERS = [
  ['anthropic-user-profile-id', 'there are no profiles; `metadata.user_id` names the user'],
  ['anthropic-workspace-id', 'the key tells who calls'],
] as const;

/** What a request says about the call, beside what is asked. */
export type CallOptions = Pick<RouteCall, 'task' | 'model' | 'timeoutMs' | 'metadata'>;

/** Model and task, end user, conversation and feature: from the body, else from the headers of the other surfaces. */
export function callOptions(body: JsonObject, headers: IncomingHttpHeaders): CallOptions {
  for (const [name, why] of REFUSED_HEADERS) if (headers[name] !== undefined) throw unsupported(name, why);
  return {
    ...askedOf(present(body['model']), headers),
    ...patienceOf(headers),
    metadata: metadataOf(body, headers),
  };
}

function metadataOf(body: JsonObject, headers: IncomingHttpHeaders): CallMetadata {
  const feature = headerWord(headers, 'x-gateway-feature');
  const user = userOf(body) ?? headerWord(headers, 'x-gateway-user');
  const conversation = headerWord(headers, 'x-gateway-conversation');
  return {
    ...(feature === undefined ? {} : { feature }),
    ...(user === undefined ? {} : { user }),
    ...(conversation === undefined ? {} : { conversation }),
  };
}

function userOf(body: JsonObject): string | undefined {
  const given = present(body['metadata']);
  if (given === undefined) return undefined;
  const metadata = objectAt(given, 'metadata');
  assertFields(metadata, METADATA_FIELDS, 'metadata');
  const user = present(metadata['user_id']);
  return user === undefined ? undefined : idAt(user, 'metadata.user_id');
}
