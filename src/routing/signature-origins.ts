import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { GenerateContentResponse } from '../core/gemini-wire.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { familyOf } from './thought-signatures.js';

/** Signatures known; those learned longest ago are forgotten beyond it. */
const MAX_SIGNATURES = 50_000;
/** Signatures of one conversation that are looked up, newest first. */
const MAX_LOOKUPS = 128;
/** Characters of a key: 96 bits. */
const KEY_CHARACTERS = 16;

/**
 * Which target made a thought signature, as far as this process saw it answer. Keeps hashes, never a signature, each
 * under its tenant: what one tenant was answered tells another nothing.
 */
@Injectable()
export class SignatureOrigins {
  readonly #origins = new Map<string, string>();

  /**
   * Takes note of the signatures in one chunk of an answer by `target` (`project/model`). Costs a look at each part
   * where there are none.
   */
  learn(tenant: string, target: string, chunk: Readonly<GenerateContentResponse & JsonObject>): void {
    const candidates: unknown = chunk.candidates;
    if (!Array.isArray(candidates)) return;
    for (const candidate of candidates) {
      const content: unknown = isJsonObject(candidate) ? candidate['content'] : undefined;
      const parts: unknown = isJsonObject(content) ? content['parts'] : undefined;
      if (!Array.isArray(parts)) continue;
      for (const part of parts) {
        const signature: unknown = isJsonObject(part) ? part['thoughtSignature'] : undefined;
        if (typeof signature === 'string' && signature !== '') this.#note(keyOf(tenant, signature), target);
      }
    }
  }

  /**
   * The target that made the last of these signatures whose maker is known; undefined where none of the last 128 is.
   * The order is that of the conversation, oldest first.
   */
  originOf(tenant: string, signatures: readonly string[]): string | undefined {
    const first = Math.max(0, signatures.length - MAX_LOOKUPS);
    for (let at = signatures.length - 1; at >= first; at -= 1) {
      const origin = this.#origins.get(keyOf(tenant, signatures[at] ?? ''));
      if (origin !== undefined) return origin;
    }
    return undefined;
  }

  #note(key: string, target: string): void {
    this.#origins.delete(key);
    this.#origins.set(key, target);
    if (this.#origins.size <= MAX_SIGNATURES) return;
    const [oldest] = this.#origins.keys();
    if (oldest !== undefined) this.#origins.delete(oldest);
  }
}

/**
 * Whether one target takes the signatures that another made (both `project/model`): models of one family on one
 * backend. Google refuses them after a change of model, key, project or backend (seen 2026), so a project is a
 * backend of its own unless `backendOf` says otherwise.
 */
export function sameOrigin(
  left: string,
  right: string,
  backendOf: (project: string) => string = (project) => project,
): boolean {
  if (left === right) return true;
  const [one, other] = [left, right].map((target) => {
    const slash = target.indexOf('/');
    return { backend: backendOf(target.slice(0, slash)), family: familyOf(target.slice(slash + 1)) };
  });
  return one?.backend === other?.backend && one?.family === other?.family;
}

function keyOf(tenant: string, signature: string): string {
  return hash('sha256', `${tenant}\0${canonical(signature)}`, 'base64url').slice(0, KEY_CHARACTERS);
}

/** One spelling of base64: clients that keep the bytes may write them in the other alphabet, or without padding. */
function canonical(signature: string): string {
  const digits = signature.endsWith('==') ? -2 : signature.endsWith('=') ? -1 : undefined;
  return signature.slice(0, digits).replaceAll('-', '+').replaceAll('_', '/');
}
