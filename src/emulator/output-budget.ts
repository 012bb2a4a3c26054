import type { GenerateContentRequest } from '../core/gemini-wire.js';
import type { EmulatedModel } from './models.js';
import { tokensOf } from './prompt.js';

/** How much one call may write. */
export interface OutputBudget {
  /** Thoughts included. */
  readonly tokens: number;
  /** Whether what does not fit can be had with a continuation token. */
  readonly continues: boolean;
  /** Told by earlier calls of the same answer. */
  readonly skippedCharacters: number;
}

const TOKEN_PREFIX = 'emu-continue-';
const USUAL_LIMIT = 65_536;

/** The budget of a call: by its own maximum, by the model's, and by what one call of a long answer may write. */
export function outputBudget(
  model: EmulatedModel | undefined,
  request: GenerateContentRequest,
  stream: boolean,
): OutputBudget {
  const perCall = model?.outputPerCall?.[stream ? 'stream' : 'unary'] ?? Infinity;
  const limit = perCall === Infinity ? (model?.outputTokenLimit ?? USUAL_LIMIT) : model?.inputTokenLimit;
  const skippedCharacters = continuationOffset(request.continuationToken) ?? 0;
  const asked = request.generationConfig?.maxOutputTokens ?? Infinity;
  const left = Math.max(0, Math.min(asked, limit ?? USUAL_LIMIT) - tokensOf(skippedCharacters));
  return { tokens: Math.min(left, perCall), continues: perCall < left, skippedCharacters };
}

/** The token with which an answer goes on after that many characters. */
export function continuationTokenAt(characters: number): string {
  return Buffer.from(`${TOKEN_PREFIX}${characters}`).toString('base64url');
}

/** Characters told before; 0 without a token, undefined for a token that was not made here. */
export function continuationOffset(token: unknown): number | undefined {
  if (token === undefined) return 0;
  const decoded = typeof token === 'string' ? Buffer.from(token, 'base64url').toString() : '';
  const offset = /^emu-continue-(\d+)$/.exec(decoded)?.[1];
  return offset === undefined ? undefined : Number(offset);
}
