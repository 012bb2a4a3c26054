import { hash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Secret, SecretStore } from '../config/secrets.js';
import type { Principal } from '../core/call.js';
import type { ConfigSnapshot } from '../core/config-snapshot.js';
import { AuthConfig, type GatewayKeyConfig, type Scope } from './auth.config.js';

/** A key that callers may present: its digest now, and whom it stands for. */
interface KnownKey {
  digest(): Buffer;
  readonly principal: Principal;
}

const ADMIN: Principal = { keyId: 'bootstrap', tenant: 'default', team: 'platform', scopes: ['admin'] };

/** Tells who calls by the API key presented. Keys are kept as SHA-256 digests and compared in constant time. */
@Injectable()
export class Authenticator {
  readonly #known = new WeakMap<ConfigSnapshot, readonly KnownKey[]>();

  constructor(private readonly secrets: SecretStore) {}

  /** The principal, or undefined for a key that nobody has. */
  authenticate(key: string, config: ConfigSnapshot): Principal | undefined {
    const presented = digestOf(key);
    let found: Principal | undefined;
    // No early exit: the time taken does not tell which key, or how much of one, was right.
    for (const known of this.#keys(config)) {
      if (timingSafeEqual(known.digest(), presented)) found ??= known.principal;
    }
    return found;
  }

  #keys(config: ConfigSnapshot): readonly KnownKey[] {
    const present = this.#known.get(config);
    if (present !== undefined) return present;
    const { keys, bootstrapKey } = config.get(AuthConfig);
    const known = keys.map((key) => this.#knownKey(key));
    if (bootstrapKey !== undefined) {
      known.push({ digest: rotatingDigest(this.secrets.watch(bootstrapKey)), principal: ADMIN });
    }
    this.#known.set(config, known);
    return known;
  }

  #knownKey({ id, tenant, team, user, scopes, sha256, secret }: GatewayKeyConfig): KnownKey {
    const principal: Principal = { keyId: id, tenant, team, scopes, ...(user === undefined ? {} : { user }) };
    if (secret !== undefined) return { digest: rotatingDigest(this.secrets.watch(secret)), principal };
    const digest = Buffer.from(sha256 ?? '', 'hex');
    return { digest: () => digest, principal };
  }
}

/** Whether a principal may do something. `admin` includes everything. */
export function allows(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes('admin');
}

function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** A digest that no key has: of a key that cannot be read now. */
const NO_DIGEST = Buffer.alloc(32);

function rotatingDigest(secret: Secret): () => Buffer {
  let of: string | undefined;
  let digest: Buffer = NO_DIGEST;
  return () => {
    if (!secret.available) return NO_DIGEST;
    const key = secret.current();
    if (key !== of) {
      of = key;
      digest = digestOf(key);
    }
    return digest;
  };
}
