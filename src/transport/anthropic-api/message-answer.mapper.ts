import type { Collected } from '../../core/combinators.js';
import type { Part } from '../../core/gemini-wire.js';
import type { JsonObject } from '../../core/json.js';
import { candidatesOf, mergeChunks, partsOf } from '../../core/merge-chunks.js';
import type { Usage } from '../../core/usage.js';
import { kindOf } from '../shared/part-kind.js';
import { stopOf } from './finish.mapper.js';
import { MessageExtras } from './message-extras.js';
import { signatureFor } from './thinking-signature.js';
import { messageUsage, serviceTierOf } from './usage.mapper.js';

/** What every answer to one request shares. */
export interface AnswerContext {
  /** Id of the call. */
  readonly id: string;
  /** Model that answers, as the gateway names it. */
  readonly model: string;
  /** Names a function call, and keeps what its next turn needs. */
  keepCall(part: Part): string;
}

/** A whole message. Throws EMPTY_RESPONSE and UPSTREAM_PROTOCOL for an answer that is none. */
export function toMessage(context: AnswerContext, { chunks, finish }: Collected): JsonObject {
  const response = mergeChunks(chunks);
  const [candidate] = candidatesOf(response);
  const extras = new MessageExtras();
  if (candidate !== undefined) extras.take(candidate);
  const content = toBlocks(context, partsOf(candidate), extras);
  const hasCalls = content.some(({ type }) => type === 'tool_use');
  return {
    ...openMessage(context, content, finish.usage, serviceTierOf(response.usageMetadata)),
    ...stopOf(finish, { hasCalls, hasAnswer: candidate !== undefined }),
    ...extras.ended(finish),
  };
}

/** A message that has not ended. */
export function openMessage(
  { id, model }: AnswerContext,
  content: JsonObject[],
  usage: Usage,
  tier: string | null,
): JsonObject {
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: messageUsage(usage, tier),
  };
}

/** A call of a function. */
export function toToolUse({ functionCall }: Part, id: string, input: JsonObject): JsonObject {
  return { type: 'tool_use', id, name: functionCall?.name ?? '', input, caller: { type: 'direct' } };
}

/** A block that pieces are added to. */
type GrowingBlock = { type: 'text'; text: string } | { type: 'thinking'; thinking: string };

function toBlocks(context: AnswerContext, parts: readonly Part[], extras: MessageExtras): JsonObject[] {
  const blocks: JsonObject[] = [];
  let open: GrowingBlock | undefined;
  const begin = (block: GrowingBlock & JsonObject): void => {
    blocks.push(block);
    open = block;
  };
  for (const part of parts) {
    const { text = '' } = part;
    const kind = kindOf(part);
    if (open?.type === 'thinking' && (kind === 'text' || kind === 'call'))
      Object.assign(open, { signature: signatureFor(part) });
    switch (kind) {
      case 'text':
        if (open?.type === 'text') open.text += text;
        else begin({ type: 'text', text, citations: null });
        break;
      case 'thought':
        if (open?.type === 'thinking') open.thinking += text;
        else begin({ type: 'thinking', thinking: text, signature: '' });
        break;
      case 'call':
        blocks.push(toToolUse(part, context.keepCall(part), part.functionCall?.args ?? {}));
        open = undefined;
        break;
      case 'other':
        extras.takePart(part);
        break;
      case 'none':
    }
  }
  return blocks;
}
