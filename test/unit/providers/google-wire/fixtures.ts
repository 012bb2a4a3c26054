import { readFileSync } from 'node:fs';

/** An answer of Google's, byte for byte. */
export function recorded(name: string): string {
  return readFileSync(new URL(`../../../fixtures/google/${name}`, import.meta.url), 'utf8');
}
