import type { Part } from '../../core/gemini-wire.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { Conversation, type Piece, readsNone } from '../shared/conversation.js';
import { responseOf } from '../shared/inner-json.js';
import {
  assertFields,
  type FieldRules,
  invalid,
  listAt,
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
import { instructionTexts, resultPieces, saidTexts, userPieces } from './responses-content.mapper.js';

const ITEMS = ['message', 'function_call', 'function_call_output', 'reasoning'] as const;
const ROLES = ['user', 'assistant', 'system', 'developer'] as const;

const DIRECT = only([{ type: 'direct' }], 'there are no programs that call');

/** Fields of items. `id` and `status` come back with what was answered. */
const ITEM_FIELDS = {
  message: new Map([
    ...mapped('type', 'role', 'content', 'id', 'status'),
    ['phase', refused('the model knows no phases of its answers')],
  ]),
  function_call: new Map([
    ...mapped('type', 'id', 'status', 'call_id', 'name', 'arguments'),
    ['async', only([false], 'calls wait for their results')],
    ['caller', DIRECT],
    ['namespace', refused('functions have no namespaces')],
  ]),
  function_call_output: new Map([
    ...mapped('type', 'id', 'status', 'call_id', 'output', 'name'),
    ['caller', DIRECT],
    ['namespace', refused('functions have no namespaces')],
  ]),
  reasoning: mapped('type', 'id', 'status', 'summary', 'content', 'encrypted_content'),
} as const satisfies Record<(typeof ITEMS)[number], FieldRules>;

const SUMMARY_FIELDS = mapped('type', 'text');

/** `instructions` and `input` of a response, as a conversation of Gemini's. */
export function toConversation(
  instructions: JsonValue | undefined,
  input: JsonValue | undefined,
  reads: (url: URL) => boolean = readsNone,
): Conversation {
  const conversation = new Conversation(reads);
  const told = present(instructions);
  if (told !== undefined) conversation.system.push({ text: someTextAt(told, 'instructions') });
  if (typeof input === 'string') {
    conversation.user([{ part: { text: someTextAt(input, 'input') } }]);
  } else {
    const reader = new ItemReader(conversation);
    for (const [index, item] of listAt(input, 'input').entries()) {
      const path = `input[${index}]`;
      reader.read(objectAt(item, path), path);
    }
  }
  conversation.finish();
  if (conversation.contents.length === 0)
    throw invalid('input', 'must hold more than instructions: a user’s message is needed');
  return conversation;
}

class ItemReader {
  /** Signature that a reasoning item carries for the item of the model's behind it. */
  #signature: string | undefined;

  constructor(private readonly conversation: Conversation) {}

  read(item: JsonObject, path: string): void {
    const type = item['type'] ?? 'message';
    const known = ITEMS.find((one) => one === type);
    if (known === undefined)
      throw unsupported(`${path}.type`, `only items of type ${ITEMS.join(', ')} are read`);
    assertFields(item, ITEM_FIELDS[known], path);
    switch (known) {
      case 'message':
        this.#message(item, path);
        return;
      case 'function_call':
        this.#call(item, path);
        return;
      case 'function_call_output':
        this.#result(item, path);
        return;
      case 'reasoning':
        this.#reasoning(item, path);
    }
  }

  #message(item: JsonObject, path: string): void {
    const role = wordAt(item['role'], `${path}.role`, ROLES);
    const { content } = item;
    const at = `${path}.content`;
    switch (role) {
      case 'user':
        this.conversation.user(userPieces(content, at));
        return;
      case 'system':
      case 'developer':
        for (const text of instructionTexts(content, at)) this.conversation.system.push({ text });
        return;
      case 'assistant':
        this.#said(item, at);
    }
  }

  #said({ content, id }: JsonObject, at: string): void {
    const spoken = saidTexts(content, at).filter((text) => text !== '');
    if (spoken.length === 0) throw invalid(at, 'must not be empty');
    for (const [index, text] of spoken.entries()) {
      const last = index === spoken.length - 1;
      this.conversation.model(this.#signed({ text }, last), last && typeof id === 'string' ? id : undefined);
    }
  }

  #call(item: JsonObject, path: string): void {
    const signature = this.#signature;
    this.#signature = undefined;
    const at = `${path}.arguments`;
    this.conversation.call(
      {
        id: someTextAt(item['call_id'], `${path}.call_id`),
        name: someTextAt(item['name'], `${path}.name`),
        args: argumentsAt(textAt(item['arguments'], at), at),
        ...(signature === undefined ? {} : { signature }),
      },
      `${path}.call_id`,
    );
  }

  #result(item: JsonObject, path: string): void {
    const id = someTextAt(item['call_id'], `${path}.call_id`);
    let text = '';
    const media: Piece[] = [];
    for (const piece of resultPieces(item['output'], `${path}.output`)) {
      if (typeof piece.part.text === 'string') text += piece.part.text;
      else media.push(piece);
    }
    const called = this.conversation.result(id, responseOf(text), media, `${path}.call_id`);
    const name = present(item['name']);
    if (name !== undefined && name !== called)
      throw invalid(`${path}.name`, 'is not the name of the function that was called');
  }

  #reasoning(item: JsonObject, path: string): void {
    for (const [field, type] of [
      ['summary', 'summary_text'],
      ['content', 'reasoning_text'],
    ] as const) {
      const thoughts = present(item[field]);
      if (thoughts === undefined) continue;
      for (const [index, thought] of listAt(thoughts, `${path}.${field}`).entries()) {
        const at = `${path}.${field}[${index}]`;
        const { type: given, text } = objectAt(thought, at);
        assertFields(thought as JsonObject, SUMMARY_FIELDS, at);
        if (given !== type) throw invalid(`${at}.type`, `must be ${type}`);
        if (textAt(text, `${at}.text`) !== '')
          this.conversation.model({ text: text as string, thought: true });
      }
    }
    const sealed = present(item['encrypted_content']);
    this.#signature = sealed === undefined ? undefined : someTextAt(sealed, `${path}.encrypted_content`);
  }

  #signed(part: Part, last: boolean): Part {
    const signature = this.#signature;
    if (signature === undefined || !last) return part;
    this.#signature = undefined;
    return { ...part, thoughtSignature: signature };
  }
}
