import type { Part } from '../../core/gemini-wire.js';

/** Tells Google's signatures from those that models of others made. */
const MADE_BY_GEMINI = 'gemini.';

/**
 * The `signature` of a thinking block: the thought signature of the part right behind the thoughts, empty where that
 * has none.
 */
export function signatureFor(part: Part | undefined): string {
  const signature = part?.thoughtSignature;
  return typeof signature === 'string' && signature !== '' ? `${MADE_BY_GEMINI}${signature}` : '';
}

/** The thought signature in the `signature` of a thinking block; undefined where it holds none of Google's. */
export function thoughtSignatureIn(signature: string): string | undefined {
  return signature.startsWith(MADE_BY_GEMINI) ? signature.slice(MADE_BY_GEMINI.length) : undefined;
}
