import type { JsonObject, JsonValue } from '../../core/json.js';
import { Conversation, type Piece, readsNone } from '../shared/conversation.js';
import { responseOf } from '../shared/inner-json.js';
import {
  assertFields,
  booleanAt,
  invalid,
  listAt,
  mapped,
  objectAt,
  present,
  someTextAt,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { blocksAt, type FoundBlock, piecesOf } from './blocks.mapper.js';
import { thoughtSignatureIn } from './thinking-signature.js';

const ROLES = ['user', 'assistant', 'system'] as const;
const MESSAGE_FIELDS = mapped('role', 'content');

const OF_USER = ['text', 'image', 'document', 'tool_result'] as const;
const OF_ASSISTANT = ['text', 'thinking', 'tool_use'] as const;
const OF_RESULT = ['text', 'image', 'document'] as const;

/** `system` and `messages` as a conversation of Gemini's. Throws INVALID_REQUEST that names the field. */
export function toConversation(
  { system, messages: given }: JsonObject,
  reads: (url: URL) => boolean = readsNone,
): Conversation {
  const messages = listAt(given, 'messages');
  if (messages.length === 0) throw invalid('messages', 'must not be empty');
  const conversation = new Conversation(reads);
  if (present(system) !== undefined) addSystem(conversation, system, 'system');
  for (const [index, item] of messages.entries()) {
    const path = `messages[${index}]`;
    addMessage(conversation, objectAt(item, path), path);
  }
  conversation.finish();
  if (conversation.contents.length === 0)
    throw invalid('messages', 'must hold more than instructions: a user’s message is needed');
  if (conversation.contents.at(-1)?.role !== 'user')
    throw unsupported('messages', 'the model cannot be told to go on from a text; the user must come last');
  return conversation;
}

function addMessage(conversation: Conversation, message: JsonObject, path: string): void {
  assertFields(message, MESSAGE_FIELDS, path);
  const role = wordAt(message['role'], `${path}.role`, ROLES);
  const at = `${path}.content`;
  switch (role) {
    case 'system':
      addSystem(conversation, message['content'], at);
      return;
    case 'user':
      addUser(conversation, blocksAt(message['content'], at, OF_USER));
      return;
    case 'assistant':
      addAssistant(conversation, blocksAt(message['content'], at, OF_ASSISTANT));
  }
}

function addSystem(conversation: Conversation, value: JsonValue | undefined, path: string): void {
  for (const block of blocksAt(value, path, ['text']))
    for (const { part } of piecesOf(block)) conversation.system.push(part);
}

function addUser(conversation: Conversation, blocks: readonly FoundBlock<(typeof OF_USER)[number]>[]): void {
  const pieces: Piece[] = [];
  for (const [type, block, path] of blocks) {
    if (type !== 'tool_result') pieces.push(...piecesOf([type, block, path]));
    else if (pieces.length > 0) throw invalid(path, 'must stand before everything else in its message');
    else addResult(conversation, block, path);
  }
  if (pieces.length > 0) conversation.user(pieces);
}

/** Texts make the response, media go beside it. */
function addResult(conversation: Conversation, block: JsonObject, path: string): void {
  const id = someTextAt(block['tool_use_id'], `${path}.tool_use_id`);
  const content = present(block['content']);
  const pieces =
    content === undefined || content === '' || (Array.isArray(content) && content.length === 0)
      ? []
      : blocksAt(content, `${path}.content`, OF_RESULT).flatMap(piecesOf);
  const text = pieces.flatMap(({ part }) => part.text ?? []).join('\n');
  const media = pieces.filter(({ part }) => part.text === undefined);
  const failed = present(block['is_error']);
  const isError = failed !== undefined && booleanAt(failed, `${path}.is_error`);
  conversation.result(id, isError ? { error: text } : responseOf(text), media, `${path}.tool_use_id`);
}

/** A signature among the thoughts goes back to the part behind them, where it came from. */
function addAssistant(
  conversation: Conversation,
  blocks: readonly FoundBlock<(typeof OF_ASSISTANT)[number]>[],
): void {
  let signature: string | undefined;
  for (const [type, block, path] of blocks) {
    switch (type) {
      case 'text': {
        const text = someTextAt(block['text'], `${path}.text`);
        conversation.model({ text, ...(signature === undefined ? {} : { thoughtSignature: signature }) });
        signature = undefined;
        break;
      }
      case 'thinking': {
        const text = textAt(block['thinking'], `${path}.thinking`);
        if (text !== '') conversation.model({ text, thought: true });
        signature = thoughtSignatureIn(textAt(block['signature'], `${path}.signature`));
        break;
      }
      case 'tool_use':
        addCall(conversation, block, path, signature);
        signature = undefined;
    }
  }
}

function addCall(
  conversation: Conversation,
  block: JsonObject,
  path: string,
  signature: string | undefined,
): void {
  const id = someTextAt(block['id'], `${path}.id`);
  const name = someTextAt(block['name'], `${path}.name`);
  const args = objectAt(block['input'], `${path}.input`);
  conversation.call({ id, name, args, ...(signature === undefined ? {} : { signature }) }, `${path}.id`);
}
