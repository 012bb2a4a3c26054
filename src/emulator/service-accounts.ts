import { createPublicKey, verify, type KeyObject } from 'node:crypto';

import type { JsonObject } from '../core/json.js';
import { parseObject } from './google-rest.js';

/** An error of RFC 6749, section 5.2. */
export interface OAuthError {
  readonly error: string;
  readonly error_description: string;
}

/** What an assertion proved: the account that signed it, or why it proves nothing. */
export type Assertion = { readonly clientEmail: string } | OAuthError;

const LONGEST_LIFE_SECONDS = 3600;
const CLOCK_SKEW_SECONDS = 60;

const refuse = (description: string, error = 'invalid_grant'): OAuthError => ({
  error,
  error_description: description,
});

const BAD_TIME = refuse(
  'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat ' +
    'and exp values in the JWT claim.',
);

/** Service accounts that the token endpoint knows, with the public keys that their assertions are checked with. */
export class ServiceAccounts {
  private readonly keys = new Map<string, KeyObject>();

  /** Adds an account, or gives it another key. Throws when the PEM holds no public key. */
  register(clientEmail: string, publicKeyPem: string): void {
    this.keys.set(clientEmail, createPublicKey(publicKeyPem));
  }

  /**
   * Checks a JWT assertion (RFC 7523) as Google does: RS256 by a key of `iss`, one of the audiences, at most an
   * hour of life, a scope.
   */
  check(assertion: string, audiences: readonly string[], nowSeconds: number): Assertion {
    const [header = '', payload = '', signature = '', ...rest] = assertion.split('.');
    const claims = decoded(payload);
    if (rest.length > 0 || claims === undefined || decoded(header)?.['alg'] !== 'RS256')
      return refuse('Invalid JWT: Could not parse the token.');
    const { iss, aud, exp, iat, scope, target_audience: targetAudience } = claims;
    const key = typeof iss === 'string' ? this.keys.get(iss) : undefined;
    if (typeof iss !== 'string' || key === undefined) return refuse('Invalid grant: account not found');
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url')))
      return refuse('Invalid JWT Signature.');
    if (typeof aud !== 'string' || !audiences.includes(aud))
      return refuse(`Invalid JWT: Failed audience check. The right audience is ${audiences[0]}`);
    if (typeof exp !== 'number' || typeof iat !== 'number') return BAD_TIME;
    if (exp <= nowSeconds || exp - iat > LONGEST_LIFE_SECONDS || iat > nowSeconds + CLOCK_SKEW_SECONDS)
      return BAD_TIME;
    if (!scope && !targetAudience)
      return refuse('Invalid OAuth scope or ID token audience provided.', 'invalid_scope');
    return { clientEmail: iss };
  }
}

function decoded(part: string): JsonObject | undefined {
  return parseObject(Buffer.from(part, 'base64url').toString());
}
