import type { AuthClient, GoogleAuth, JWTInput } from 'google-auth-library';
import { fetch as undiciFetch } from 'undici';
import type { Clock } from '../../core/clock.js';
import type { Credential } from '../../core/credential.js';
import { GatewayError } from '../../core/gateway-error.js';
import type { RequestCredentials } from '../google-wire/google-provider.js';

/** A token that is refused is renewed once in so long. */
const RENEWAL_PAUSE_MS = 30_000;
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/**
 * Access tokens for one project. The auth library caches and renews them; a credential whose text changed is
 * taken up at the next call.
 */
export class VertexCredentials {
  #client: Promise<AuthClient> | undefined;
  #from: string | undefined;

  #renewedMs = -Infinity;

  /** Without a credential, the default credentials of the environment are used (ADC, workload identity). */
  constructor(
    private readonly credential: Credential | undefined,
    private readonly clock: Clock,
  ) {}

  /** A token for one request. Throws UPSTREAM_AUTH where none can be had. */
  async next(): Promise<RequestCredentials> {
    const headers = await this.#headers();
    return { headers, refused: ({ metadata }) => metadata.upstreamStatus === 401 && this.#renew() };
  }

  /** Forgets the token, unless it was just got: then another would be refused as well. */
  #renew(): boolean {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#renewedMs < RENEWAL_PAUSE_MS) return false;
    this.#renewedMs = nowMs;
    this.#client = undefined;
    return true;
  }

  async #headers(): Promise<Record<string, string>> {
    const text = this.credential?.current();
    if (this.#client === undefined || text !== this.#from) {
      this.#from = text;
      this.#client = authClient(text);
    }
    try {
      const { token } = await (await this.#client).getAccessToken();
      if (!token) throw new Error('The token endpoint gave no token.');
      return { authorization: `Bearer ${token}` };
    } catch (cause) {
      this.#client = undefined;
      throw new GatewayError('UPSTREAM_AUTH', 'No access token could be had for the project.', { cause });
    }
  }
}

async function authClient(text: string | undefined): Promise<AuthClient> {
  const { GoogleAuth } = await import('google-auth-library');
  if (text === undefined) return new GoogleAuth({ scopes: [SCOPE] }).getClient();
  const credentials = JSON.parse(text) as JWTInput & { readonly token_uri?: string };
  const auth: GoogleAuth = new GoogleAuth({
    scopes: [SCOPE],
    credentials,
    clientOptions: { transporterOptions: { fetchImplementation: fetchFor(credentials.token_uri) } },
  });
  return auth.getClient();
}

const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token';

/** The library sends assertions to Google whatever `token_uri` the key file names; this fetch follows the file. */
function fetchFor(tokenUri: string | undefined): typeof globalThis.fetch {
  return ((input: string | URL, init?: object) => {
    const url = String(input);
    return undiciFetch(url === GOOGLE_TOKEN_URL && tokenUri ? tokenUri : url, init);
  }) as unknown as typeof globalThis.fetch;
}
