import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../core/clock.js';
import type { Environment } from './env-layer.js';
import { GcpSecrets } from './gcp-secrets.js';
import { SecretError } from './secret-error.js';
import type { SecretRef } from './secret-ref.js';
import type { SecretsConfig } from './secrets.config.js';

/** Largest secret that is read from a file, in bytes. */
const MAX_FILE_BYTES = 65_536;

/** Reads secrets where they are kept, each within `fetchTimeoutMs`. */
export class SecretSources {
  readonly #environment: Environment;
  readonly #gcp: GcpSecrets;

  constructor(settings: SecretsConfig, clock: Clock, environment: Environment = process.env) {
    // The process may clear variables later, so that no library picks them up by itself.
    this.#environment = { ...environment };
    this.#gcp = new GcpSecrets(settings, clock);
  }

  /**
   * The secret as of now, without line ends behind it; at once where it is kept on this machine. Throws or
   * rejects with a SecretError.
   */
  read(ref: SecretRef, reference: string): string | Promise<string> {
    switch (ref.kind) {
      case 'env':
        return usable(this.#environment[ref.name], reference, 'the environment variable is not set');
      case 'file':
        return usable(readText(ref.path, reference), reference, 'the file is empty');
      case 'gcp-secret':
        return this.#gcp
          .access(ref.version, reference)
          .then((payload) => usable(payload, reference, 'the version has no payload'));
      default:
        return ref satisfies never;
    }
  }

  /** Closes connections. */
  close(): Promise<void> {
    return this.#gcp.close();
  }
}

function usable(text: string | undefined, reference: string, otherwise: string): string {
  const secret = text?.replace(/[\r\n]+$/, '');
  if (secret === undefined || secret === '') throw new SecretError(reference, otherwise);
  return secret;
}

function readText(path: string, reference: string): string {
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new SecretError(reference, `the file is larger than ${MAX_FILE_BYTES} bytes`);
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof SecretError) throw thrown;
    throw new SecretError(reference, (thrown as NodeJS.ErrnoException).code ?? 'unknown error', {
      cause: thrown,
    });
  }
}
