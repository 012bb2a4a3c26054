import { setImmediate } from 'node:timers/promises';
import { jsonrepair, JSONRepairError } from 'jsonrepair';
import type { JsonValue } from '../core/json.js';
import { JsonScanner } from './json-scanner.js';
import { MAX_DEPTH } from './json-stream-check.js';
import type { ScanFault, ScanListener } from './scan-listener.js';

/** Slips that are mended in one text; a text with more is no answer. */
const MAX_SLIPS = 10_000;

/**
 * Longest text and deepest document that jsonrepair gets. Its time grows with the square of the text (256 KiB of
 * quotes took 13 s, 8 KiB take some 30 ms), and it calls itself once per level.
 */
const MAX_REPAIR_LENGTH = 8_192;
const MAX_REPAIR_DEPTH = 64;

/** Characters that are read in one turn of the event loop. */
const TURN_LENGTH = 65_536;

/**
 * The document that a text that is no JSON almost is: out of its Markdown fence, without trailing commas, with control
 * characters escaped, what breaks off brought to an end; and, of short texts, with what jsonrepair mends (quotes,
 * literals of other languages, comments). The same text gives the same document; only an object or a list is one, and
 * prose never becomes a text in it. Whether it fits a schema is not looked at. Gives way to others while it reads a long
 * text.
 */
export async function repairedJson(text: string): Promise<Repair> {
  const scan = await scanned(text);
  const document = parsed(mended(text, scan) ?? rewritten(text));
  if (document !== undefined) return { document };
  const inside = fenced(text);
  if (inside !== undefined) {
    const found = parsed(mended(inside, await scanned(inside)) ?? rewritten(inside));
    if (found !== undefined) return { document: found };
  }
  const breaksOff = text.trim() === '' ? 'is empty' : 'is no JSON: it breaks off';
  return { fault: scan.scanner.fault ?? { message: breaksOff, keyword: 'syntax' } };
}

/** The document, or what is wrong with the text. */
export type Repair = { readonly document: JsonValue } | { readonly fault: ScanFault };

const FENCED = /```[\w-]*[ \t]*\r?\n/;

/** What stands in the first fence of a text that has something before it. */
function fenced(text: string): string | undefined {
  const opening = FENCED.exec(text);
  if (opening === null) return undefined;
  const from = opening.index + opening[0].length;
  const end = text.indexOf('```', from);
  return text.slice(from, end === -1 ? text.length : end);
}

interface Slip {
  readonly kind: 'comma' | 'control';
  readonly offset: number;
}

/** Hears of nothing but slips. */
class Slips implements ScanListener {
  readonly found: Slip[] = [];
  readonly wantsText = false;

  begin(): boolean {
    return this.found.length > MAX_SLIPS;
  }
  text(): boolean {
    return false;
  }
  member(): boolean {
    return this.found.length > MAX_SLIPS;
  }
  scalar(): boolean {
    return false;
  }
  end(): boolean {
    return this.found.length > MAX_SLIPS;
  }
  slip(kind: Slip['kind'], offset: number): void {
    if (this.found.length <= MAX_SLIPS) this.found.push({ kind, offset });
  }
}

interface Scan {
  readonly scanner: JsonScanner;
  readonly slips: Slips;
  /** Whether all of the text was read. */
  readonly whole: boolean;
}

async function scanned(text: string): Promise<Scan> {
  const slips = new Slips();
  const scanner = new JsonScanner(slips, MAX_DEPTH);
  let whole = true;
  for (let at = 0; whole && at < text.length; at += TURN_LENGTH) {
    if (at > 0) await setImmediate();
    whole = scanner.feed(text.slice(at, at + TURN_LENGTH));
  }
  return { scanner, slips, whole };
}

/** The text with its slips mended and its end made; undefined where more is wrong with it, or it is no container. */
function mended(text: string, { scanner, slips, whole }: Scan): string | undefined {
  if (!whole || scanner.startedAt === undefined) return undefined;
  const tail = scanner.complete ? { keep: text.length, closing: '' } : scanner.tail();
  if (tail === undefined) return undefined;
  const pieces: string[] = [];
  let from = scanner.startedAt;
  for (const { kind, offset } of slips.found) {
    if (offset >= tail.keep) break;
    pieces.push(
      text.slice(from, offset),
      kind === 'comma' ? '' : JSON.stringify(text.charAt(offset)).slice(1, -1),
    );
    from = offset + 1;
  }
  const body = pieces.join('') + text.slice(from, tail.keep) + tail.closing;
  return scanner.complete ? body.replace(/[`\s]+$/, '') : body;
}

const WORDS: ReadonlySet<string> = new Set(
  'true false null True False None undefined TRUE FALSE NULL'.split(' '),
);
const TOKEN =
  /\/\/[^\n]*|\/\*.*?\*\/|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|([\p{L}_$][\p{L}\d_$.-]*)|[^"'/\p{L}_$]+|./gsu;

/** What jsonrepair makes of a short text that begins as an object or a list. */
function rewritten(text: string): string | undefined {
  const body = text.trim();
  const opening = body.charAt(0);
  if (body.length > MAX_REPAIR_LENGTH || (opening !== '{' && opening !== '[')) return undefined;
  // Of a number that breaks off nobody knows the rest.
  if (/[-+.\d]$/.test(body) || openings(body) > MAX_REPAIR_DEPTH || hasProse(body)) return undefined;
  try {
    const repaired = jsonrepair(body);
    return repaired.trimStart().startsWith(opening) ? repaired : undefined;
  } catch (thrown) {
    if (thrown instanceof JSONRepairError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** Most brackets that are open at once, those in texts counted as well. */
function openings(text: string): number {
  let open = 0;
  let most = 0;
  for (const character of text) {
    if (character === '{' || character === '[') most = Math.max(most, (open += 1));
    else if (character === '}' || character === ']') open -= 1;
  }
  return most;
}

/** Whether there are words outside of quotes that are neither names of members nor literals: jsonrepair quotes them. */
function hasProse(text: string): boolean {
  for (const match of text.matchAll(TOKEN)) {
    const word = match[1];
    if (word === undefined || WORDS.has(word)) continue;
    if (!/^\s*:/.test(text.slice(match.index + word.length, match.index + word.length + 32))) return true;
  }
  return false;
}

function parsed(text: string | undefined): JsonValue | undefined {
  if (text === undefined) return undefined;
  try {
    const document = JSON.parse(text) as JsonValue;
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
