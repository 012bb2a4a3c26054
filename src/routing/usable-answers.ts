import type { Call } from '../core/call.js';
import { GatewayError } from '../core/gateway-error.js';
import type { GenerationEvent } from '../core/generation.js';
import { isJsonObject } from '../core/json.js';

/**
 * Whether an answer is one that its caller can use, judged before anything of it is delivered. The first of a call
 * that ends empty, or with a malformed function call, is refused where the task allows to ask again; a second one is
 * delivered as what it is.
 */
export class UsableAnswers {
  #askAgain: boolean;

  constructor(
    private readonly call: Pick<Call, 'operation' | 'stream'>,
    allowed: boolean,
  ) {
    this.#askAgain = allowed && call.operation === 'generate';
  }

  /** Whether the answer has begun. Throws EMPTY_RESPONSE for one that cannot be used. */
  readonly judge = (event: GenerationEvent): boolean => {
    if (!this.#askAgain) return true;
    if (event.type === 'chunk') return this.call.stream && says(event.value);
    const { verdict, finishReason, usage } = event;
    if (verdict !== 'empty' && verdict !== 'malformed') return true;
    throw new GatewayError('EMPTY_RESPONSE', `The model gave no usable answer: ${finishReason}.`, {
      usage,
      metadata: { upstreamReason: finishReason },
    });
  };

  /** Tells how an attempt failed: one answer that cannot be used is enough. */
  failed({ reason }: GatewayError): void {
    if (reason === 'EMPTY_RESPONSE') this.#askAgain = false;
  }
}

/** Whether a chunk holds anything that a caller would see. */
function says({ candidates }: { readonly candidates?: unknown }): boolean {
  if (!Array.isArray(candidates)) return true;
  return candidates.some((candidate) => {
    const content: unknown = isJsonObject(candidate) ? candidate['content'] : undefined;
    const parts: unknown = isJsonObject(content) ? content['parts'] : undefined;
    return Array.isArray(parts) && parts.some((part) => isJsonObject(part) && part['text'] !== '');
  });
}
