import type { SecretManagerServiceClient } from '@google-cloud/secret-manager';
import type { Clock } from '../core/clock.js';
import { SecretError } from './secret-error.js';
import type { SecretsConfig } from './secrets.config.js';

type ClientOptions = NonNullable<ConstructorParameters<typeof SecretManagerServiceClient>[0]>;

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Google Secret Manager, by the default credentials of the environment. Its client is loaded with the first secret
 * that is kept there.
 */
export class GcpSecrets {
  #client: Promise<SecretManagerServiceClient> | undefined;

  constructor(
    private readonly settings: SecretsConfig,
    private readonly clock: Clock,
  ) {}

  /** Payload of a version, named by its resource name. Rejects with a SecretError. */
  async access(version: string, reference: string): Promise<string | undefined> {
    const { fetchTimeoutMs } = this.settings;
    const { promise: timedOut, reject } = Promise.withResolvers<never>();
    const timer = this.clock.after(fetchTimeoutMs, () =>
      reject(new SecretError(reference, `no answer within ${fetchTimeoutMs} ms`)),
    );
    try {
      return await Promise.race([this.#access(version), timedOut]);
    } catch (thrown) {
      if (thrown instanceof SecretError) throw thrown;
      const why = thrown instanceof Error ? thrown.message.slice(0, 300) : 'unknown error';
      throw new SecretError(reference, why, { cause: thrown });
    } finally {
      timer.clear();
    }
  }

  /** Closes the client's connections. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await (await client)?.close();
  }

  async #access(version: string): Promise<string | undefined> {
    this.#client ??= makeClient(this.settings.gcp.apiEndpoint).catch((thrown: unknown) => {
      this.#client = undefined;
      throw thrown;
    });
    const client = await this.#client;
    // Retries are the next refresh's business, so that one fetch stays within its bound.
    const [answer] = await client.accessSecretVersion(
      { name: version },
      { timeout: this.settings.fetchTimeoutMs, retry: { retryCodes: [] } },
    );
    const data = answer.payload?.data;
    return data === undefined || data === null ? undefined : Buffer.from(data as Uint8Array).toString('utf8');
  }
}

async function makeClient(apiEndpoint: string | undefined): Promise<SecretManagerServiceClient> {
  const address = apiEndpoint === undefined ? {} : addressOf(new URL(apiEndpoint));
  const { SecretManagerServiceClient: Client } = await import('@google-cloud/secret-manager');
  return new Client({ ...address, fallback: true });
}

function addressOf({ protocol, hostname, port }: URL): ClientOptions {
  // Neither secrets nor the tokens that open them leave this machine in clear text.
  if (protocol === 'http:' && !LOOPBACK.has(hostname))
    throw new Error('plain HTTP is for loopback addresses only');
  const defaultPort = protocol === 'http:' ? 80 : 443;
  return {
    apiEndpoint: hostname,
    port: port === '' ? defaultPort : Number(port),
    protocol: protocol.slice(0, -1),
  };
}
