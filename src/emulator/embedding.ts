import { createHash } from 'node:crypto';
import type { Content } from '../core/gemini-wire.js';
import { hashText } from './random.js';

/** Length of an embedding when the request names none. */
export const DEFAULT_DIMENSIONS = 3072;

const TRIGRAM_WEIGHT = 0.4;

/**
 * A unit vector in which texts that share words and word parts are near each other: hashed words and character
 * trigrams. Media count by their bytes: the same picture is near itself only.
 */
export function embeddingOf(content: Content, dimensions: number): number[] {
  const values = Array.from<number>({ length: dimensions }).fill(0);
  const add = (feature: string, weight: number): void => {
    const hash = hashText(feature);
    const slot = hash % dimensions;
    values[slot] = (values[slot] ?? 0) + ((hash >>> 16) & 1 ? weight : -weight);
  };
  for (const part of content.parts ?? []) {
    for (const word of (part.text ?? '').toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
      add(word, 1);
      const padded = ` ${word} `;
      for (let start = 0; start + 3 <= padded.length; start++)
        add(`#${padded.slice(start, start + 3)}`, TRIGRAM_WEIGHT);
    }
    const data = part.inlineData?.data ?? part.fileData?.fileUri;
    if (data !== undefined) add(createHash('sha256').update(data).digest('hex'), 1);
  }
  const norm = Math.hypot(...values) || 1;
  return values.map((value) => (value === 0 ? 0 : Number((value / norm).toFixed(8))));
}
