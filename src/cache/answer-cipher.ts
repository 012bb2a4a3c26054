import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Credential } from '../core/credential.js';
import { UnreadableAnswer } from './unreadable-answer.js';

/** First byte of a sealed value. */
const DIGESTED = 1;
const ENCRYPTED = 2;

const DIGEST_BYTES = 16;
const NAME_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NAME_BYTES + NONCE_BYTES;
const LEAST_SECRET = 32;

interface DataKey {
  /** Tells keys apart; nothing of the key can be read out of it. */
  readonly name: Buffer;
  readonly key: Buffer;
}

/**
 * Seals values to the key that they are stored under: with AES-256-GCM by the first of the secrets, or, where there are
 * none, with a digest, which shows damage and no more. The key is derived from the secret by HKDF-SHA256; nonces are
 * random (NIST SP 800-38D: at most 2^32 values for each secret).
 */
export class AnswerCipher {
  readonly #derived = new Map<Credential, { readonly from: string; readonly dataKey: DataKey }>();

  constructor(private readonly secrets: readonly Credential[]) {}

  /** Throws where the first secret is not available or too short. */
  seal(storedUnder: string, value: Buffer): Buffer {
    const [secret] = this.secrets;
    if (secret === undefined) return Buffer.concat([Buffer.of(DIGESTED), digest(storedUnder, value), value]);
    const { name, key } = this.#dataKey(secret);
    const head = Buffer.concat([Buffer.of(ENCRYPTED), name, randomBytes(NONCE_BYTES)]);
    const cipher = createCipheriv('aes-256-gcm', key, head.subarray(-NONCE_BYTES));
    cipher.setAAD(boundTo(storedUnder, head));
    return Buffer.concat([head, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws an UnreadableAnswer for what was not sealed to that key, and for what is readable though it must not be. */
  open(storedUnder: string, sealed: Buffer): Buffer {
    const encrypted = sealed[0] === ENCRYPTED && sealed.length >= HEAD_BYTES + TAG_BYTES;
    if (this.secrets.length > 0 || encrypted) {
      if (!encrypted) throw new UnreadableAnswer('The value is not encrypted.');
      return this.#decrypted(storedUnder, sealed);
    }
    const value = sealed.subarray(1 + DIGEST_BYTES);
    const told = sealed.subarray(1, 1 + DIGEST_BYTES);
    const whole = sealed[0] === DIGESTED && told.length === DIGEST_BYTES;
    if (!whole || !timingSafeEqual(told, digest(storedUnder, value)))
      throw new UnreadableAnswer('The value is damaged.');
    return value;
  }

  #decrypted(storedUnder: string, sealed: Buffer): Buffer {
    const head = sealed.subarray(0, HEAD_BYTES);
    const dataKey = this.#named(head.subarray(1, 1 + NAME_BYTES));
    if (dataKey === undefined) throw new UnreadableAnswer('The value is encrypted with another key.');
    try {
      const decipher = createDecipheriv('aes-256-gcm', dataKey.key, head.subarray(-NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(boundTo(storedUnder, head));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new UnreadableAnswer('The value was not encrypted for this key.', { cause });
    }
  }

  #named(name: Buffer): DataKey | undefined {
    return this.secrets.map((secret) => this.#usable(secret)).find((dataKey) => dataKey?.name.equals(name));
  }

  #usable(secret: Credential): DataKey | undefined {
    try {
      return this.#dataKey(secret);
    } catch {
      // One that cannot be read now may not keep the others from being tried.
      return undefined;
    }
  }

  #dataKey(secret: Credential): DataKey {
    const from = secret.current();
    const present = this.#derived.get(secret);
    if (present?.from === from) return present.dataKey;
    if (from.length < LEAST_SECRET)
      throw new Error(`A key of the cache has fewer than ${LEAST_SECRET} characters.`);
    const derived = Buffer.from(hkdfSync('sha256', from, '', 'gemini-gateway answers', 32 + NAME_BYTES));
    const dataKey = { key: derived.subarray(0, 32), name: derived.subarray(32) };
    this.#derived.set(secret, { from, dataKey });
    return dataKey;
  }
}

function boundTo(storedUnder: string, head: Buffer): Buffer {
  return Buffer.concat([head, Buffer.from(storedUnder)]);
}

function digest(storedUnder: string, value: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(storedUnder), value]), 'buffer').subarray(0, DIGEST_BYTES);
}
