import type { JsonObject } from '../../core/json.js';
import { toMediaPart } from './chat-media.mapper.js';
import { allowOnly, invalid, objectAt, objectsAt, stringAt, unmappable } from './request-fields.js';
import { ToolCallIds } from './tool-call-ids.js';

const CONTENT_FIELDS = new Set(['role', 'parts']);
const PART_FIELDS = new Set([
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  // Of use to the model that made them and to nobody else.
  'thought',
  'thoughtSignature',
  'partMetadata',
]);

type PathedPart = [part: JsonObject, path: string];

/**
 * The messages of a chat request. Thoughts and their signatures are left out: another model's thinking is no part
 * of a conversation there. Results of tools come before the rest of their message, as the calls demand.
 */
export function toMessages(request: Readonly<JsonObject>): JsonObject[] {
  const ids = new ToolCallIds();
  const contents = objectsAt(request['contents'], 'contents');
  return [
    ...systemMessage(request),
    ...contents.flatMap(([content, path]) => {
      const role = content['role'] ?? 'user';
      if (role === 'model') return modelMessage(partsOf(content, path), ids);
      if (role === 'user' || role === 'function') return userMessages(partsOf(content, path), ids);
      throw invalid(`${path}.role`, `${path}.role must be "user" or "model".`);
    }),
  ];
}

function partsOf(content: JsonObject, path: string): PathedPart[] {
  allowOnly(content, CONTENT_FIELDS, path);
  const parts = objectsAt(content['parts'], `${path}.parts`);
  for (const [part, at] of parts) allowOnly(part, PART_FIELDS, at);
  return parts.filter(([part]) => part['thought'] !== true);
}

function systemMessage(request: Readonly<JsonObject>): JsonObject[] {
  const path = 'systemInstruction';
  const parts = partsOf(objectAt(request[path], path), path);
  if (parts.length === 0) return [];
  return [{ role: 'system', content: parts.map(([part, at]) => textOf(part, at)).join('\n') }];
}

function modelMessage(parts: PathedPart[], ids: ToolCallIds): JsonObject[] {
  const calls: JsonObject[] = [];
  let content = '';
  for (const [part, path] of parts) {
    if (part['functionCall'] === undefined) content += textOf(part, path);
    else calls.push(toolCall(objectAt(part['functionCall'], `${path}.functionCall`), path, ids));
  }
  if (calls.length > 0) return [{ role: 'assistant', content: content || null, tool_calls: calls }];
  return content === '' ? [] : [{ role: 'assistant', content }];
}

function toolCall(call: JsonObject, path: string, ids: ToolCallIds): JsonObject {
  const name = stringAt(call['name'], `${path}.functionCall.name`);
  const args = JSON.stringify(call['args'] ?? {});
  return { id: ids.made(name, call['id']), type: 'function', function: { name, arguments: args } };
}

function userMessages(parts: PathedPart[], ids: ToolCallIds): JsonObject[] {
  const results: JsonObject[] = [];
  const content: JsonObject[] = [];
  for (const [part, path] of parts) {
    if (part['functionResponse'] === undefined) content.push(...userPart(part, path));
    else results.push(toolMessage(part, `${path}.functionResponse`, ids));
  }
  const [first] = content;
  if (first === undefined) return results;
  const onlyText = content.length === 1 && first['type'] === 'text';
  return [...results, { role: 'user', content: onlyText ? first['text'] : content }];
}

function toolMessage(part: JsonObject, path: string, ids: ToolCallIds): JsonObject {
  const result = objectAt(part['functionResponse'], path);
  allowOnly(result, new Set(['id', 'name', 'response']), path);
  const id = ids.answered(stringAt(result['name'], `${path}.name`), result['id']);
  if (id === undefined) throw invalid(path, `${path} answers no call of this conversation.`);
  return { role: 'tool', tool_call_id: id, content: JSON.stringify(result['response'] ?? {}) };
}

function userPart(part: JsonObject, path: string): JsonObject[] {
  if (part['functionCall'] !== undefined)
    throw invalid(path, `${path}.functionCall belongs to the model's role.`);
  const media = toMediaPart(part, path);
  if (media !== undefined) return [media];
  return part['text'] === undefined ? [] : [{ type: 'text', text: textOf(part, path) }];
}

/** Text is all that a system message or the model's own words can carry there. */
function textOf(part: JsonObject, path: string): string {
  for (const field of ['inlineData', 'fileData', 'functionCall', 'functionResponse'])
    if (part[field] !== undefined) throw unmappable(`${path}.${field}`);
  return part['text'] === undefined ? '' : stringAt(part['text'], `${path}.text`);
}
