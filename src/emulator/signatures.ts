import type { FunctionCall } from '../core/gemini-wire.js';
import type { JsonValue } from '../core/json.js';
import { hashText } from './random.js';

/** What a look at a thought signature finds. */
export type SignatureVerdict = 'valid' | 'invalid' | 'corrupted';

const MAGIC = 'EmuSig.';
const ENCODED_MAGIC = Buffer.from(MAGIC.slice(0, 6)).toString('base64');
const ESCAPES: ReadonlySet<string> = new Set([
  'skip_thought_signature_validator',
  'context_engineering_is_the_way_to_go',
]);

/** A signature for a part that is no function call: bound to the model family and to this emulator's seed. */
export function signText(seed: number, family: string, salt: number): string {
  return encode(`${issuer(seed, family)}.text.${salt.toString(16)}`);
}

/** A signature for a function call: bound to family, seed, name and arguments. */
export function signCall(seed: number, family: string, call: FunctionCall): string {
  return encode(`${issuer(seed, family)}.call.${fingerprint(call)}`);
}

/**
 * `invalid` for what this emulator did not make for the family, `corrupted` for its own signatures that were
 * altered or travel with another call. Google's escape values are valid.
 */
export function checkCallSignature(
  seed: number,
  family: string,
  call: FunctionCall,
  signature: string,
): SignatureVerdict {
  if (ESCAPES.has(signature) || ESCAPES.has(Buffer.from(signature, 'base64').toString('latin1')))
    return 'valid';
  if (signature === signCall(seed, family, call)) return 'valid';
  if (!signature.startsWith(ENCODED_MAGIC)) return 'invalid';
  const decoded = Buffer.from(signature, 'base64').toString('latin1');
  const made = /^EmuSig\.([^.]+\.[a-f0-9]+)\.(?:call|text)\.[a-f0-9]+$/.exec(decoded)?.[1];
  return made === undefined || made === issuer(seed, family) ? 'corrupted' : 'invalid';
}

const issuers = new Map<string, string>();

function issuer(seed: number, family: string): string {
  const key = `${seed}/${family}`;
  let made = issuers.get(key);
  if (made === undefined) {
    made = `${family}.${hashText(key).toString(16)}`;
    issuers.set(key, made);
  }
  return made;
}

function encode(text: string): string {
  return Buffer.from(MAGIC + text, 'latin1').toString('base64');
}

function fingerprint(call: FunctionCall): string {
  const text = `${call.name ?? ''}${canonical(call.args ?? {})}`;
  let hash = 0x811c9dc5;
  for (let start = 0; start < text.length; start += 1024) hash = hashText(text.slice(start), hash);
  return hash.toString(16);
}

/** JSON with sorted keys: callers that keep arguments in maps may reorder them. */
function canonical(value: JsonValue | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.keys(value).toSorted();
  return `{${fields.map((field) => `${JSON.stringify(field)}:${canonical(value[field])}`).join()}}`;
}
