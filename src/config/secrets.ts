import { inspect } from 'node:util';
import type { Clock, Timer } from '../core/clock.js';
import type { Credential } from '../core/credential.js';
import { GatewayError } from '../core/gateway-error.js';
import type { Environment } from './env-layer.js';
import { SecretError } from './secret-error.js';
import { parseSecretRef } from './secret-ref.js';
import { SecretSources } from './secret-sources.js';
import type { SecretsConfig } from './secrets.config.js';
import { watchFiles, type FileWatch } from './watch-files.js';

/** A secret that may be exchanged while the process runs. Prints as its reference, never as its value. */
export class Secret implements Credential {
  #value: string | undefined;
  #reading: Promise<void> | undefined;
  readonly #read: () => string | Promise<string>;

  constructor(
    /** The reference. */
    readonly id: string,
    read: () => string | Promise<string>,
  ) {
    this.#read = read;
  }

  /** The value as last read. Throws UPSTREAM_AUTH while it was never read. */
  current(): string {
    if (this.#value === undefined)
      throw new GatewayError('UPSTREAM_AUTH', 'A credential of the gateway is not available.', {
        cause: new SecretError(this.id, 'it was not read yet'),
      });
    return this.#value;
  }

  /** Whether there is a value. */
  get available(): boolean {
    return this.#value !== undefined;
  }

  /** Resolves once there is a value; rejects with a SecretError where reading it fails. */
  ready(): Promise<void> {
    return this.available ? Promise.resolve() : this.refresh();
  }

  /** Reads the value again; the old one stays where that fails. Rejects with a SecretError. */
  refresh(): Promise<void> {
    this.#reading ??= this.#replace().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #replace(): Promise<void> {
    const value = this.#read();
    // What is kept on this machine is there at once, not a turn of the event loop later.
    this.#value = typeof value === 'string' ? value : await value;
  }

  toString(): string {
    return `[secret ${this.id}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** A refresh that failed. */
export interface SecretFailure {
  readonly reference: string;
  readonly error: Error;
  /** Whether calls go on with the value read before. */
  readonly stale: boolean;
}

/** What a store is made of. */
export interface SecretStoreOptions {
  readonly settings: SecretsConfig;
  readonly clock: Clock;
  /** The process environment unless given; copied. */
  readonly environment?: Environment;
  /** Hears of each failed read. Must not throw. */
  readonly onFailure?: (failure: SecretFailure) => void;
}

/** The secrets in use, one per reference, kept up to date. */
export class SecretStore {
  readonly #secrets = new Map<string, Secret>();
  readonly #fileWatches: FileWatch[] = [];
  readonly #sources: SecretSources;
  #timer: Timer | undefined;
  #closed = false;

  constructor(private readonly options: SecretStoreOptions) {
    this.#sources = new SecretSources(options.settings, options.clock, options.environment);
  }

  /**
   * The secret behind a reference, read now and from then on. Variables and files have their value when this
   * returns; others once `ready()`. Throws a TypeError, without the text, for what is no reference.
   */
  watch(reference: string): Secret {
    const present = this.#secrets.get(reference);
    if (present !== undefined) return present;
    const ref = parseSecretRef(reference);
    if (ref === undefined) throw new TypeError('This is no reference to a secret.');
    const secret = new Secret(reference, () => this.#sources.read(ref, reference));
    this.#secrets.set(reference, secret);
    void this.#refresh(secret);
    if (ref.kind === 'file')
      this.#fileWatches.push(
        watchFiles(
          [ref.path],
          this.options.clock,
          () => void this.#refresh(secret),
          (error) => this.#failed(secret, error),
        ),
      );
    this.#timer ??= this.#armed();
    return secret;
  }

  /** Resolves once every secret watched so far has a value; rejects with the first SecretError. */
  async ready(): Promise<void> {
    await Promise.all([...this.#secrets.values()].map((secret) => secret.ready()));
  }

  /** Ends refreshing. Values stay. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.clear();
    for (const watch of this.#fileWatches) watch.close();
    await this.#sources.close();
  }

  #armed(): Timer {
    return this.options.clock.after(this.options.settings.refreshIntervalMs, () => void this.#refreshAll());
  }

  async #refreshAll(): Promise<void> {
    await Promise.all([...this.#secrets.values()].map((secret) => this.#refresh(secret)));
    if (!this.#closed) this.#timer = this.#armed();
  }

  async #refresh(secret: Secret): Promise<void> {
    try {
      await secret.refresh();
    } catch (thrown) {
      this.#failed(secret, thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #failed(secret: Secret, error: Error): void {
    this.options.onFailure?.({ reference: secret.id, error, stale: secret.available });
  }
}
