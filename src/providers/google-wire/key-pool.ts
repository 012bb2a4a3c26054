import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import { GatewayError } from '../../core/gateway-error.js';

/** How long a key that the upstream refused is not used: the first time, and at most after further ones. */
const QUARANTINE_MS = 30_000;
const MAX_QUARANTINE_MS = 600_000;

interface Refused {
  readonly key: string;
  readonly times: number;
  readonly untilMs: number;
}

/**
 * The API keys of one project, used in turn. A key that the upstream refused is set aside for a while, for longer each
 * time; one that was exchanged in the meantime is another key.
 */
export class KeyPool {
  #turn = 0;
  readonly #refused = new Map<string, Refused>();

  constructor(
    private readonly keys: readonly Credential[],
    private readonly clock: Clock,
  ) {}

  /** The next key in good standing. Throws UPSTREAM_AUTH where there is none. */
  next(): string {
    for (let tried = 0; tried < this.keys.length; tried += 1) {
      const credential = this.keys[this.#turn++ % this.keys.length];
      if (credential !== undefined && this.#isGood(credential)) return credential.current();
    }
    const message = 'Google refused the credentials of the project that was to answer.';
    throw new GatewayError('UPSTREAM_AUTH', message, { metadata: { upstreamReason: 'ALL_KEYS_REFUSED' } });
  }

  /** Sets a key aside. Returns whether another one is in good standing. */
  refuse(key: string): boolean {
    for (const credential of this.keys)
      if (this.#isGood(credential) && credential.current() === key) this.#setAside(credential);
    return this.keys.some((credential) => this.#isGood(credential));
  }

  #setAside(credential: Credential): void {
    const key = credential.current();
    const before = this.#refused.get(credential.id);
    const times = before?.key === key ? before.times + 1 : 1;
    const asideMs = Math.min(MAX_QUARANTINE_MS, QUARANTINE_MS * 2 ** (times - 1));
    this.#refused.set(credential.id, { key, times, untilMs: this.clock.monotonicMs() + asideMs });
  }

  #isGood(credential: Credential): boolean {
    const refused = this.#refused.get(credential.id);
    if (refused === undefined || this.clock.monotonicMs() >= refused.untilMs) return true;
    return credential.current() !== refused.key;
  }
}
