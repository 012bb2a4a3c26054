import type { Clock } from '../core/clock.js';

interface IssuedToken {
  readonly principal: string;
  readonly expiresMs: number;
}

/** OAuth access tokens that this emulator gave out. Vertex calls are accepted with these only. */
export class TokenRegistry {
  private readonly issued = new Map<string, IssuedToken>();

  constructor(private readonly clock: Clock) {}

  /** A new token for `principal` (an account's mail address), good for `ttlSeconds`. */
  issue(principal: string, ttlSeconds: number): string {
    const token = `ya29.emulated-${crypto.randomUUID()}`;
    this.issued.set(token, { principal, expiresMs: this.clock.wallMs() + ttlSeconds * 1000 });
    return token;
  }

  /** True for a token that was issued, has not expired and was not revoked. */
  valid(token: string): boolean {
    const found = this.issued.get(token);
    return found !== undefined && found.expiresMs > this.clock.wallMs();
  }

  /** Makes a token invalid at once. */
  revoke(token: string): void {
    this.issued.delete(token);
  }
}
