import type { JsonObject, JsonValue } from '../../core/json.js';
import { Conversation, type Piece, readsNone } from '../shared/conversation.js';
import { responseOf } from '../shared/inner-json.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  listAt,
  MAPPED,
  mapped,
  objectAt,
  only,
  present,
  refused,
  someTextAt,
  textAt,
  unsupported,
  wordAt,
} from '../shared/request-fields.js';
import { argumentsAt } from './call-arguments.js';
import { audioPart, chatFile, chatImage } from './media.mapper.js';

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

const NAME = refused('the model knows no names of participants');
const BREAKPOINT = refused('prompts are cached without marks in them');

/** Fields of each role's messages. */
const MESSAGE_FIELDS = {
  system: new Map([...mapped('role', 'content'), ['name', NAME]]),
  developer: new Map([...mapped('role', 'content'), ['name', NAME]]),
  user: new Map([...mapped('role', 'content'), ['name', NAME]]),
  assistant: new Map([
    ...mapped('role', 'content', 'tool_calls', 'refusal', 'reasoning_content'),
    ['name', NAME],
    ['audio', refused('no audio of earlier answers is kept')],
    ['function_call', refused('send `tool_calls`')],
    // What answers of this surface carry beside that; nothing in it is for the model.
    ['annotations', only([[]], 'they mean nothing to the model')],
    ['gateway', MAPPED],
  ]),
  tool: mapped('role', 'content', 'tool_call_id', 'name'),
} as const satisfies Record<(typeof ROLES)[number], FieldRules>;

const CALL_FIELDS = mapped('id', 'type', 'function', 'extra_content', 'index');
const FUNCTION_FIELDS = mapped('name', 'arguments');
const PART_FIELDS = {
  text: new Map([...mapped('type', 'text'), ['prompt_cache_breakpoint', BREAKPOINT]]),
  refusal: mapped('type', 'refusal'),
  image_url: new Map([...mapped('type', 'image_url'), ['prompt_cache_breakpoint', BREAKPOINT]]),
  input_audio: new Map([...mapped('type', 'input_audio'), ['prompt_cache_breakpoint', BREAKPOINT]]),
  file: new Map([...mapped('type', 'file'), ['prompt_cache_breakpoint', BREAKPOINT]]),
} as const satisfies Record<string, FieldRules>;

const TEXT = ['text'] as const;
const TEXT_OR_REFUSAL = ['text', 'refusal'] as const;
const ANY_PART = ['text', 'image_url', 'input_audio', 'file'] as const;

/** The messages of a chat, as a conversation of Gemini's. Throws INVALID_REQUEST that names the field. */
export function toConversation(
  value: JsonValue | undefined,
  reads: (url: URL) => boolean = readsNone,
): Conversation {
  const messages = listAt(value, 'messages');
  if (messages.length === 0) throw invalid('messages', 'must not be empty');
  const conversation = new Conversation(reads);
  for (let index = 0; index < messages.length; index += 1) {
    const path = `messages[${index}]`;
    addMessage(conversation, objectAt(messages[index], path), path);
  }
  conversation.finish();
  if (conversation.contents.length === 0)
    throw invalid('messages', 'must hold more than instructions: a user’s message is needed');
  return conversation;
}

function addMessage(conversation: Conversation, message: JsonObject, path: string): void {
  if (message['role'] === 'function')
    throw unsupported(`${path}.role`, 'results of functions have the role "tool"');
  const role = wordAt(message['role'], `${path}.role`, ROLES);
  assertFields(message, MESSAGE_FIELDS[role], path);
  switch (role) {
    case 'system':
    case 'developer':
      for (const text of textsOf(message['content'], `${path}.content`)) conversation.system.push({ text });
      return;
    case 'user':
      conversation.user(userPieces(message['content'], `${path}.content`));
      return;
    case 'assistant':
      addAssistant(conversation, message, path);
      return;
    case 'tool':
      addResult(conversation, message, path);
  }
}

function addAssistant(conversation: Conversation, message: JsonObject, path: string): void {
  conversation.endModelTurn();
  const reasoning = present(message['reasoning_content']);
  const content = present(message['content']);
  const refusal = present(message['refusal']);
  const calls = present(message['tool_calls']);
  const texts = content === undefined ? [] : assistantTexts(content, `${path}.content`);
  if (refusal !== undefined) texts.push(textAt(refusal, `${path}.refusal`));
  const called = calls === undefined ? [] : listAt(calls, `${path}.tool_calls`);
  if (called.length === 0 && texts.every((text) => text === ''))
    throw invalid(`${path}.content`, 'must not be empty where there are no tool_calls');
  if (reasoning !== undefined)
    conversation.model({ text: textAt(reasoning, `${path}.reasoning_content`), thought: true });
  for (const text of texts) if (text !== '') conversation.model({ text });
  for (let index = 0; index < called.length; index += 1) {
    const at = `${path}.tool_calls[${index}]`;
    addCall(conversation, objectAt(called[index], at), at);
  }
}

function addCall(conversation: Conversation, call: JsonObject, path: string): void {
  if (present(call['type']) !== undefined && call['type'] !== 'function')
    throw unsupported(`${path}.type`, 'only functions are called');
  assertFields(call, CALL_FIELDS, path);
  const id = someTextAt(call['id'], `${path}.id`);
  const fn = objectAt(call['function'], `${path}.function`);
  assertFields(fn, FUNCTION_FIELDS, `${path}.function`);
  const name = someTextAt(fn['name'], `${path}.function.name`);
  const at = `${path}.function.arguments`;
  const args = argumentsAt(textAt(fn['arguments'], at), at);
  const signature = signatureIn(call['extra_content'], `${path}.extra_content`);
  conversation.call({ id, name, args, ...(signature === undefined ? {} : { signature }) }, `${path}.id`);
}

/** The place where Google's own OpenAI endpoint puts a signature, and where answers of this surface have it. */
function signatureIn(value: JsonValue | undefined, path: string): string | undefined {
  if (present(value) === undefined) return undefined;
  const extra = objectAt(value, path);
  assertFields(extra, mapped('google'), path);
  const google = objectAt(extra['google'], `${path}.google`);
  assertFields(google, mapped('thought_signature'), `${path}.google`);
  return someTextAt(google['thought_signature'], `${path}.google.thought_signature`);
}

function addResult(conversation: Conversation, message: JsonObject, path: string): void {
  const id = someTextAt(message['tool_call_id'], `${path}.tool_call_id`);
  const text = textsOf(message['content'], `${path}.content`, true).join('');
  const called = conversation.result(id, responseOf(text), [], `${path}.tool_call_id`);
  const name = present(message['name']);
  if (name !== undefined && name !== called)
    throw invalid(`${path}.name`, 'is not the name of the function that was called');
}

/** The texts of instructions or results. */
function textsOf(value: JsonValue | undefined, path: string, mayBeEmpty = false): string[] {
  if (typeof value === 'string') {
    if (value === '' && !mayBeEmpty) throw invalid(path, 'must not be empty');
    return [value];
  }
  return partsAt(value, path, TEXT).map(([, part, at]) =>
    (mayBeEmpty ? textAt : someTextAt)(part['text'], `${at}.text`),
  );
}

function assistantTexts(value: JsonValue, path: string): string[] {
  if (typeof value === 'string') return [value];
  return partsAt(value, path, TEXT_OR_REFUSAL).map(([type, part, at]) => textAt(part[type], `${at}.${type}`));
}

function userPieces(value: JsonValue | undefined, path: string): Piece[] {
  if (typeof value === 'string') return [{ part: { text: someTextAt(value, path) } }];
  return partsAt(value, path, ANY_PART).map(([type, part, at]): Piece => {
    switch (type) {
      case 'text':
        return { part: { text: someTextAt(part['text'], `${at}.text`) } };
      case 'image_url':
        return chatImage(part['image_url'], `${at}.image_url`);
      case 'input_audio':
        return audioPart(part['input_audio'], `${at}.input_audio`);
      case 'file':
        return chatFile(part['file'], `${at}.file`);
    }
  });
}

/** The parts of a message, of these types. */
function partsAt<T extends keyof typeof PART_FIELDS>(
  value: JsonValue | undefined,
  path: string,
  types: readonly T[],
): [type: T, part: JsonObject, path: string][] {
  const parts = listAt(value, path);
  if (parts.length === 0) throw invalid(path, 'must not be empty');
  return parts.map((item, index) => {
    const at = `${path}[${index}]`;
    const part = objectAt(item, at);
    const type = wordAt(part['type'], `${at}.type`, types);
    assertFields(part, PART_FIELDS[type], at);
    return [type, part, at];
  });
}
